//! Configuration without addresses (RFC 8415 §18.2.6, §18.2.10.4, §21.23).

use super::Action;
use super::context::{Context, Cx};
use super::message::Associations;
use super::reply::Answer;
use crate::exchange::{Due, Exchange};
use crate::ids::Duid;
use crate::params::{self, REFRESH_DEFAULT, REFRESH_MINIMUM};
use crate::refused::Refused;
use crate::settings::Dhcp6Settings;
use crate::time::{Instant, Lifetime, earliest};
use crate::wire::v6::{MessageType, Options};
use crate::wire::v6_option::OptionCode;
use std::time::Duration;

/// The stateless half of the client: what it has, and what it is doing.
#[derive(Debug)]
pub(super) struct Stateless {
    configuration: Option<Configuration>,
    state: State,
}

/// What a server gave us. It does not end by itself, unless configured so.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Configuration {
    server: Duid,
    /// First transmission that was to refresh it and was not answered.
    unanswered_since: Option<Instant>,
}

#[derive(Debug)]
enum State {
    /// Nothing; the configuration stays.
    Off,
    /// Waiting for the Reply to an Information-request.
    Asking {
        exchange: Exchange,
        /// The link may be another one. Without an answer by the end of a movement check, it counts as the same.
        checking: bool,
    },
    /// Until the refresh time is over; `None` is never.
    Fresh { refresh_at: Option<Instant> },
}

impl Stateless {
    pub(super) fn new() -> Self {
        Self { configuration: None, state: State::Off }
    }

    pub(super) fn is_off(&self) -> bool {
        matches!(self.state, State::Off)
    }

    pub(super) fn is_configured(&self) -> bool {
        self.configuration.is_some()
    }

    pub(super) fn server(&self) -> Option<&Duid> {
        self.configuration.as_ref().map(|configuration| &configuration.server)
    }

    /// Begins: asks, and if there is a configuration from before, finds out whether it still holds.
    pub(super) fn begin(&mut self, first_at: Instant, cx: &mut Cx<'_>) {
        self.ask(first_at, self.is_configured(), cx);
    }

    fn ask(&mut self, first_at: Instant, checking: bool, cx: &mut Cx<'_>) {
        let limits = Context::limits(params::INFORMATION_REQUEST, cx.context.inf_max_rt);
        let exchange = Exchange::new(MessageType::INFORMATION_REQUEST, limits, first_at, cx.rng);
        self.state = State::Asking { exchange, checking };
    }

    /// Asks again early (RFC 8415 §18.2.12). False when it is being done, or is off.
    pub(super) fn refresh(&mut self, at: Instant, cx: &mut Cx<'_>) -> bool {
        let fresh = matches!(self.state, State::Fresh { .. });
        if fresh {
            self.ask(at, false, cx);
        }
        fresh
    }

    /// Ends what is pending; the configuration stays.
    pub(super) fn stop(&mut self) {
        self.state = State::Off;
    }

    /// Ends what is pending, to begin anew. An exchange that has not begun yet will do.
    pub(super) fn interrupt(&mut self) {
        if let State::Asking { exchange, checking } = &mut self.state
            && exchange.transmissions() == 0
        {
            *checking = self.configuration.is_some();
        } else {
            self.state = State::Off;
        }
    }

    /// Ends everything: the configuration comes from elsewhere now.
    pub(super) fn forget(&mut self) {
        *self = Self::new();
    }

    /// Drops a configuration that has gone unanswered for longer than allowed.
    pub(super) fn expire(&mut self, cx: &mut Cx<'_>) {
        if self.stale_at(&cx.context.settings).is_some_and(|at| at <= cx.now) {
            self.configuration = None;
        }
    }

    fn stale_at(&self, settings: &Dhcp6Settings) -> Option<Instant> {
        let since = self.configuration.as_ref()?.unanswered_since?;
        settings.stateless_max_stale.map(|longest| since + longest)
    }

    /// When a movement check is over without an answer.
    fn settles_at(&self) -> Option<Instant> {
        match &self.state {
            State::Asking { exchange, checking: true } if exchange.transmissions() > 0 => {
                Some(exchange.started_at() + params::CONFIRM.duration)
            }
            State::Off | State::Asking { .. } | State::Fresh { .. } => None,
        }
    }

    pub(super) fn on_deadline(&mut self, cx: &mut Cx<'_>) {
        if self.settles_at().is_some_and(|at| at <= cx.now)
            && let State::Asking { checking, .. } = &mut self.state
        {
            *checking = false;
            if self.configuration.is_some() {
                cx.out.push(Action::Confirmed);
            }
        }
        match &mut self.state {
            State::Off => {}
            State::Asking { exchange, .. } => {
                if exchange.on_deadline(cx.now, cx.rng) == Due::Send {
                    cx.send(exchange, None, &Associations::default());
                    if let Some(configuration) = &mut self.configuration {
                        configuration.unanswered_since.get_or_insert(cx.now);
                    }
                }
            }
            State::Fresh { refresh_at } => {
                if refresh_at.is_some_and(|at| at <= cx.now) {
                    let delay = cx.rng.up_to(cx.context.settings.max_delay);
                    self.ask(cx.now + delay, false, cx);
                }
            }
        }
    }

    /// The exchange that a Reply would answer.
    pub(super) fn awaits(&self, kind: MessageType) -> Option<&Exchange> {
        self.exchange().filter(|exchange| kind == MessageType::REPLY && exchange.transmissions() > 0)
    }

    /// Takes an answer to what [`Stateless::awaits`] named.
    pub(super) fn receive(&mut self, answer: &Answer<'_>, cx: &mut Cx<'_>) {
        cx.learn(answer);
        if !answer.is_success() {
            if let (State::Asking { exchange, .. }, Some(seconds)) = (&mut self.state, answer.inf_max_rt) {
                exchange.set_longest_pause(Duration::from_secs(seconds.into()));
            }
            return;
        }
        let refresh = refresh_time(answer.options, cx);
        self.state = State::Fresh { refresh_at: refresh.map(|span| cx.now + span) };
        self.configuration = Some(Configuration { server: answer.server.clone(), unanswered_since: None });
        cx.context.reply_at = Some(cx.now);
        cx.publish(answer.options);
        cx.out.push(Action::Configured(answer.options.as_bytes().to_vec()));
    }

    pub(super) fn deadline(&self, settings: &Dhcp6Settings) -> Option<Instant> {
        let next = match &self.state {
            State::Off => None,
            State::Asking { exchange, .. } => Some(exchange.deadline()),
            State::Fresh { refresh_at } => *refresh_at,
        };
        earliest(next, earliest(self.settles_at(), self.stale_at(settings)))
    }

    pub(super) fn exchange(&self) -> Option<&Exchange> {
        match &self.state {
            State::Asking { exchange, .. } => Some(exchange),
            State::Off | State::Fresh { .. } => None,
        }
    }

    pub(super) fn refresh_at(&self) -> Option<Instant> {
        match &self.state {
            State::Fresh { refresh_at } => *refresh_at,
            State::Off | State::Asking { .. } => None,
        }
    }

    /// The state's word.
    pub(super) fn word(&self) -> &'static str {
        match &self.state {
            State::Off => "off",
            State::Asking { .. } => "information-requesting",
            State::Fresh { .. } => "informed",
        }
    }
}

/// How long the configuration is fresh; `None` is for ever.
fn refresh_time(options: Options<'_>, cx: &mut Cx<'_>) -> Option<Duration> {
    let code = OptionCode::INFORMATION_REFRESH_TIME;
    let span = match options.seconds(code).map(Lifetime) {
        Some(seconds) => seconds.duration().map(|span| span.max(REFRESH_MINIMUM)),
        None => {
            if options.first(code).is_some() {
                cx.refuse(&[Refused::BadOption]);
            }
            Some(REFRESH_DEFAULT)
        }
    };
    match (span, cx.context.settings.max_refresh) {
        (Some(span), Some(longest)) => Some(span.min(longest)),
        (span, longest) => span.or(longest),
    }
}
