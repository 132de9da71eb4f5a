//! `renew`, `rebind`, `release`, `restart`, `up`, `down`.

use crate::args::Control;
use crate::failure::Failure;
use crate::output::Output;
use crate::service::{Found, Service};
use dhcp4o6_dbus::Link1Proxy;
use futures_util::StreamExt;
use serde_json::json;
use std::time::Duration;

/// What to ask of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Extend the lease.
    Renew,
    /// Extend the lease, by any server.
    Rebind,
    /// Give the lease back.
    Release,
    /// Begin again.
    Restart,
    /// Run.
    Up,
    /// Stop.
    Down,
}

/// What a link says while we wait.
enum News {
    State(String),
    Lease(String),
}

impl News {
    fn word(&self) -> &str {
        match self {
            Self::State(word) | Self::Lease(word) => word,
        }
    }
}

/// How waiting goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Verdict {
    Done(String),
    Failed(String),
    GoOn,
}

/// Asks, and waits for the outcome if wanted.
pub async fn run(
    service: &Service,
    request: Request,
    control: &Control,
    namespace: Option<&str>,
    output: &Output,
) -> Result<(), Failure> {
    let link = service.link(&control.link, namespace).await?;
    let proxy = service.proxy(&link.path).await?;
    if !control.wait {
        ask(&proxy, request).await?;
        return report(output, &link, &format!("{} has begun", request.noun()), "begun");
    }
    // Listen first, so that no answer can come too early.
    let states = proxy.receive_entered_state().await?.filter_map(async |signal| {
        signal.args().ok().map(|arguments| News::State((*arguments.new()).to_owned()))
    });
    let leases = proxy.receive_lease_event().await?.filter_map(async |signal| {
        signal.args().ok().map(|arguments| News::Lease((*arguments.kind()).to_owned()))
    });
    let mut news = std::pin::pin!(futures_util::stream::select(states, leases));
    let before = proxy.state().await?;
    ask(&proxy, request).await?;
    if request.holds_already(&before) {
        return report(output, &link, &format!("nothing to do, the link is {before}"), "done");
    }
    output.progress(&format!("{}: {} has begun", link.title(), request.noun()));
    let outcome = tokio::time::timeout(Duration::from_secs(control.timeout.into()), async {
        while let Some(news) = news.next().await {
            match request.judge(&news) {
                Verdict::GoOn => output.progress(&format!("{}: {}", link.title(), news.word())),
                Verdict::Done(how) => return Ok(how),
                Verdict::Failed(why) => return Err(Failure::Failed(format!("{}: {why}", link.title()))),
            }
        }
        Err(Failure::NoService("the bus is gone".into()))
    });
    match outcome.await {
        Ok(how) => report(output, &link, &how?, "done"),
        Err(_) => {
            let (state, name) = (proxy.state().await?, link.title());
            let waited = control.timeout;
            Err(Failure::Failed(format!(
                "{name}: no outcome after {waited} seconds, the link is {state}; see `dhcp4o6ctl explain {}`",
                link.name
            )))
        }
    }
}

async fn ask(proxy: &Link1Proxy<'_>, request: Request) -> Result<(), Failure> {
    match request {
        Request::Renew => proxy.renew().await?,
        Request::Rebind => proxy.rebind().await?,
        Request::Release => proxy.release().await?,
        Request::Restart => proxy.restart().await?,
        Request::Up => proxy.start().await?,
        Request::Down => proxy.stop().await?,
    }
    Ok(())
}

fn report(output: &Output, link: &Found, text: &str, outcome: &str) -> Result<(), Failure> {
    if output.json {
        let value =
            json!({ "name": link.name, "namespace": link.namespace, "outcome": outcome, "text": text });
        return output.value(&value);
    }
    output.line(&crate::output::safe(&format!("{}: {text}", link.title())))
}

impl Request {
    fn noun(self) -> &'static str {
        match self {
            Self::Renew => "renewal",
            Self::Rebind => "rebinding",
            Self::Release => "release",
            Self::Restart => "restart",
            Self::Up => "start",
            Self::Down => "stop",
        }
    }

    /// The link was in the wanted state before, and nothing will be signalled.
    fn holds_already(self, before: &str) -> bool {
        match self {
            Self::Up => before == "bound",
            Self::Down => before == "down",
            Self::Renew | Self::Rebind | Self::Release | Self::Restart => false,
        }
    }

    /// What a piece of news means for the request.
    fn judge(self, news: &News) -> Verdict {
        let done = |how: &str| Verdict::Done(how.to_owned());
        let failed = |why: &str| Verdict::Failed(why.to_owned());
        match (self, news) {
            (Self::Renew | Self::Rebind | Self::Restart | Self::Up, News::Lease(kind)) => match kind.as_str()
            {
                "acquired" | "renewed" | "rebound" | "changed" => Verdict::Done(format!("lease {kind}")),
                "nak" if matches!(self, Self::Renew | Self::Rebind) => {
                    failed("the server took the lease away")
                }
                "expired" => failed("the lease expired"),
                _ => Verdict::GoOn,
            },
            (Self::Restart | Self::Up, News::State(state)) => match state.as_str() {
                "bound" => done("bound"),
                "failed" => failed("the link failed"),
                "not-enabled" => failed(
                    "nobody enables IPv4 here: no permit for DHCPv4 over DHCPv6, and no server of DHCPv4 over IPv6",
                ),
                _ => Verdict::GoOn,
            },
            (Self::Renew | Self::Rebind, News::State(state)) => match state.as_str() {
                "expired" => failed("the lease expired"),
                "failed" | "down" => failed("the link stopped"),
                _ => Verdict::GoOn,
            },
            (Self::Release, News::Lease(kind)) if kind == "released" => done("lease released"),
            (Self::Down, News::State(state)) if state == "down" => done("stopped"),
            (Self::Release | Self::Down, _) => Verdict::GoOn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(request: Request, kind: &str) -> Verdict {
        request.judge(&News::Lease(kind.into()))
    }

    fn state(request: Request, state: &str) -> Verdict {
        request.judge(&News::State(state.into()))
    }

    #[test]
    fn a_renewal_is_over_when_the_lease_is_extended_or_lost() {
        assert_eq!(state(Request::Renew, "renewing"), Verdict::GoOn);
        assert!(matches!(lease(Request::Renew, "renewed"), Verdict::Done(_)));
        assert!(matches!(lease(Request::Rebind, "changed"), Verdict::Done(_)));
        assert!(matches!(lease(Request::Renew, "nak"), Verdict::Failed(_)));
        assert!(matches!(lease(Request::Rebind, "expired"), Verdict::Failed(_)));
    }

    #[test]
    fn a_restart_is_over_when_the_link_is_bound_again_or_cannot_be() {
        assert_eq!(state(Request::Restart, "dhcp6"), Verdict::GoOn);
        assert_eq!(lease(Request::Restart, "nak"), Verdict::GoOn);
        assert!(matches!(state(Request::Restart, "bound"), Verdict::Done(_)));
        assert!(matches!(state(Request::Up, "not-enabled"), Verdict::Failed(_)));
    }

    #[test]
    fn a_release_is_over_when_the_lease_is_gone_and_a_stop_when_the_link_is_down() {
        assert_eq!(state(Request::Release, "down"), Verdict::GoOn);
        assert!(matches!(lease(Request::Release, "released"), Verdict::Done(_)));
        assert_eq!(lease(Request::Down, "released"), Verdict::GoOn);
        assert!(matches!(state(Request::Down, "down"), Verdict::Done(_)));
        assert!(Request::Down.holds_already("down") && Request::Up.holds_already("bound"));
    }
}
