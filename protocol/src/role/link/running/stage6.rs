//! The DHCPv6 stage, and what its Replies mean for the permit.

use super::super::agent::may_run;
use super::super::endpoint::Endpoint;
use super::{Cx, Ending, Leave, Running};
use crate::client6::{self, Client6};
use crate::ids::EndpointId;
use crate::machine::Effect;
use crate::params::ALL_RELAYS_AND_SERVERS;
use crate::permit::{self, Permit, Signal, WireProfile};
use crate::settings::{LinkSettings, Mode, OnWithdraw, Profile};
use crate::wire::v6;
use crate::wire::v6_option::OptionCode;
use std::net::Ipv6Addr;

impl Running {
    pub(super) fn drive6(
        &mut self,
        cx: &mut Cx<'_>,
        act: impl FnOnce(&mut Client6, &mut Cx<'_>, &mut Vec<client6::Action>),
    ) {
        let mut actions = Vec::new();
        act(&mut self.base.client6, cx, &mut actions);
        self.act6(actions, cx);
    }

    /// What a Reply means for 4o6 comes first: the DISCOVER need not wait until the disk has the rest.
    pub(super) fn act6(&mut self, actions: Vec<client6::Action>, cx: &mut Cx<'_>) {
        for action in &actions {
            if let client6::Action::Configured(options) = action {
                self.on_configuration(options, cx);
                self.settle(cx);
            }
        }
        for action in actions {
            match action {
                client6::Action::Send(payload) => {
                    self.base.send(
                        EndpointId::FIRST,
                        cx.facts.link_local(),
                        ALL_RELAYS_AND_SERVERS,
                        payload,
                        cx,
                    );
                }
                client6::Action::Assign => {
                    self.save(cx);
                    cx.out.push(Effect::Assign6(self.base.client6.assignments()));
                }
                client6::Action::Configured(_) => {}
                client6::Action::Confirmed => self.on_confirmed(cx),
                client6::Action::Elsewhere => {
                    self.endpoints.iter_mut().for_each(|endpoint| endpoint.verify = true)
                }
                client6::Action::Expired => self.withdraw(Leave::Expired, cx),
                client6::Action::Save => self.base.save_soon(cx),
                client6::Action::Refused(refused) => cx.out.push(Effect::Refused(refused)),
                client6::Action::Note(name, text) => cx.note(name, text),
                client6::Action::Released => {
                    if self.base.ending == Ending::Releasing {
                        self.end(cx);
                    }
                }
            }
        }
    }

    /// A Reply decides about the permit (events E1, E2, E3, E6, E6').
    fn on_configuration(&mut self, options: &[u8], cx: &mut Cx<'_>) {
        if cx.settings.mode == Mode::Off {
            return;
        }
        let Ok(options) = v6::Options::parse(options) else { return };
        let own: Vec<Ipv6Addr> =
            cx.facts.addresses.iter().map(|a| a.address).chain(cx.facts.elsewhere6.iter().copied()).collect();
        let mut notes = Vec::new();
        let signal = permit::read(
            options,
            cx.settings.profile,
            &cx.settings.draft01,
            &own,
            cx.settings.max_servers,
            &mut notes,
        );
        cx.out.extend(notes.into_iter().map(Effect::Refused));
        match signal {
            Signal::Granted(profile, servers) => self.grant(profile, servers, cx),
            Signal::Absent => match self.base.leave {
                Leave::Valid(_) | Leave::Suspended(_) => self.withdraw(Leave::Withdrawn, cx),
                Leave::None | Leave::Refused => self.base.leave = Leave::None,
                Leave::Withdrawn | Leave::Expired => self.base.leave = Leave::Withdrawn,
            },
            Signal::Unusable => {
                cx.note("bad-server-list", "the list of 4o6 servers cannot be used".to_owned());
                match &self.base.leave {
                    Leave::Valid(_) => {}
                    // The last good list stays, and DHCPv6 has just confirmed the rest.
                    Leave::Suspended(permit) => self.base.leave = Leave::Valid(permit.clone()),
                    Leave::None | Leave::Refused | Leave::Withdrawn | Leave::Expired => {
                        self.base.leave = Leave::Refused
                    }
                }
            }
        }
        self.base.save_soon(cx);
    }

    fn grant(&mut self, profile: WireProfile, servers: Vec<Ipv6Addr>, cx: &mut Cx<'_>) {
        let since =
            self.base.leave.valid().filter(|old| old.profile == profile).map_or(cx.now, |old| old.since);
        self.base.leave = Leave::Valid(Permit { profile, servers, since });
        self.each(cx, Endpoint::send_postponed);
    }

    /// The stage found its configuration still good without hearing its options again: the old permit holds.
    fn on_confirmed(&mut self, cx: &mut Cx<'_>) {
        cx.out.push(Effect::Assign6(self.base.client6.assignments()));
        match &self.base.leave {
            Leave::Suspended(permit) => self.base.leave = Leave::Valid(permit.clone()),
            // Whether 4o6 may run was never asked, or not in a way that counts now: that need not wait for T1.
            Leave::None if cx.settings.mode != Mode::Off => {
                self.drive6(cx, |client6, cx, out| client6.renew(cx.now, cx.rng, out));
            }
            Leave::None | Leave::Refused | Leave::Valid(_) | Leave::Withdrawn | Leave::Expired => {}
        }
    }

    /// The permit is gone (E2, E4): not a word more to a 4o6 server, not even RELEASE.
    fn withdraw(&mut self, to: Leave, cx: &mut Cx<'_>) {
        if self.base.leave.permit().is_none() {
            return;
        }
        self.base.leave = to;
        if self.base.depends_on_permit(cx) {
            self.suspend4(cx);
            match cx.settings.on_withdraw {
                OnWithdraw::Hold => {}
                OnWithdraw::Drop => self.each(cx, Endpoint::forget),
            }
        }
        // After a crash DHCPv6 may only be confirmed, which gives back a permit that is remembered.
        self.save(cx);
    }
}

/// The options that carry the permit, for the Option Request option; none when 4o6 is off (C6-02).
pub(super) fn permit_options(settings: &LinkSettings) -> Vec<u16> {
    let rfc = OptionCode::DHCP4_O_DHCP6_SERVER.0;
    let draft = [settings.draft01.enable, settings.draft01.servers];
    let mut codes = match (settings.mode, settings.profile) {
        (Mode::Off, _) => Vec::new(),
        (_, Profile::Rfc7341) => vec![rfc],
        (_, Profile::Draft01) => draft.to_vec(),
        (_, Profile::Dual) => [&[rfc], draft.as_slice()].concat(),
    };
    if may_run(settings) && settings.hcra.servers.is_empty() {
        // Where the tunnel concentrator is, which relays DHCPv4 as well (RFC 7040 §5).
        codes.push(OptionCode::AFTR_NAME.0);
    }
    codes
}
