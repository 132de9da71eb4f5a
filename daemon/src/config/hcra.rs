//! `[link.hcra]`: the host client relay agent of a link.

use super::reader::Reader;
use super::{EndpointConfig, TargetConfig, cra};
use dhcp4o6_protocol::settings::{HcraClient, HcraSettings, LinkSettings, Mode, Renew};

/// Reads the keys; what is not there stays as it is in `out`.
pub(super) fn read(table: &mut Reader<'_>, out: &mut HcraSettings) {
    let HcraSettings {
        servers,
        source,
        unique_local,
        source_check,
        hops_limit,
        needs_permit,
        renew,
        encapsulation,
        client,
        adopt,
    } = out;
    cra::read(table, cra::Common { servers, source, unique_local, source_check, hops_limit, encapsulation });
    table.boolean("needs-permit", needs_permit);
    table.word("renew", renew, &[("direct", Renew::Direct), ("via-cra", Renew::ViaCra)], &[]);
    let clients = [("builtin", HcraClient::Builtin), ("external", HcraClient::External)];
    table.word("client", client, &clients, &[]);
    table.boolean("adopt", adopt);
}

/// Settings that are right by themselves and not together with the rest of the link.
pub(super) fn contradictions(reader: &mut Reader<'_>, settings: &LinkSettings, endpoints: &[EndpointConfig]) {
    let hcra = &settings.hcra;
    for (key, wrong, right) in cra::contradictions(&hcra.servers, hcra.source, hcra.unique_local) {
        reader.wrong_in("hcra", key, wrong, right);
    }
    if hcra.client == HcraClient::Builtin {
        if hcra.adopt {
            let wrong = "the address of the built-in client is installed anyway";
            reader.wrong_in("hcra", "adopt", wrong, "must be false, or \"client\" must be \"external\"");
        }
        return;
    }
    // Elsewhere no agent runs, and what `[defaults]` says of one does no harm.
    if !matches!(settings.mode, Mode::Auto | Mode::Hcra) {
        return;
    }
    let [endpoint] = endpoints else {
        let wrong = format!("an external client is one, and the link has {} endpoints", endpoints.len());
        let right = "must be \"builtin\", or the link without [[link.endpoint]]";
        return reader.wrong_in("hcra", "client", wrong, right);
    };
    if endpoint.iaid.is_some() {
        let right = "must be without \"iaid\", or \"client\" in [link.hcra] must be \"builtin\"";
        reader.wrong("endpoint", None, "an external client has an identity of its own", right);
    }
    if matches!(endpoint.target, TargetConfig::Interface { .. }) && !hcra.adopt {
        let wrong = "an external client keeps its address on the device that it runs on";
        let right = "must be left out, or \"adopt\" in [link.hcra] must be true";
        let key = if reader.value("target").is_some() { "target" } else { "endpoint" };
        reader.wrong(key, None, wrong, right);
    }
}
