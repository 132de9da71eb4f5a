//! Options besides addresses that are shown to others (RFC 3646, RFC 6334, RFC 7598, RFC 8026).

use super::context::Context;
use crate::refused::Refused;
use crate::status::Options6;
use crate::wire::domain;
use crate::wire::v6::Options;
use crate::wire::v6_option::OptionCode;

/// Most options kept as they came.
const MAX_RAW: usize = 64;

/// What `options` give. Those that cannot be used are left out and pushed to `refused`.
pub(super) fn read(options: Options<'_>, context: &Context, refused: &mut Vec<Refused>) -> Options6 {
    let mut checked = |value: Option<()>, code: OptionCode, refusal: Refused| {
        if value.is_none() && options.first(code).is_some() {
            refused.push(refusal);
        }
    };
    let dns = options.addresses(OptionCode::DNS_SERVERS).filter(|dns| !dns.is_empty());
    checked(dns.as_ref().map(|_| ()), OptionCode::DNS_SERVERS, Refused::BadOption);
    let domains = options.first(OptionCode::DOMAIN_LIST).and_then(domain::list6);
    checked(domains.as_ref().map(|_| ()), OptionCode::DOMAIN_LIST, Refused::BadOption);
    let aftr_name = options.first(OptionCode::AFTR_NAME).and_then(domain::aftr);
    checked(aftr_name.as_ref().map(|_| ()), OptionCode::AFTR_NAME, Refused::BadAftr);
    let raw = options.iter().filter(|(code, _)| is_raw(*code, context)).take(MAX_RAW);
    Options6 {
        dns: dns.unwrap_or_default(),
        domains: domains.unwrap_or_default(),
        aftr_name,
        raw: raw.map(|(code, value)| (code.0, value.to_vec())).collect(),
    }
}

fn is_raw(code: OptionCode, context: &Context) -> bool {
    let OptionCode(code) = code;
    (88..=96).contains(&code)
        || code == OptionCode::S46_PRIORITY.0
        || context.permit_options.contains(&code)
        || context.settings.request_options.contains(&code)
}
