//! A message bus of our own, and what the service says on it. Nothing here knows the service's types: a test sees what
//! any program on the bus sees, as JSON.

use crate::SOON;
use crate::process::Process;
use dhcp4o6_dbus::{BUS_NAME, LINK1, MANAGER1, ROOT, SERVER_BUS_NAME, to_json};
use futures_util::StreamExt;
use serde_json::Value;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use zbus::{Connection, DynamicType, MatchRule, MessageStream, Structure, Variant, message};

/// Signals that may wait while a test does something else.
const QUEUE: NonZeroUsize = NonZeroUsize::new(16384).expect("not zero");
/// Longest wait for the answer to a call.
const CALL: Duration = Duration::from_secs(30);

/// A private `dbus-daemon` on which everybody may do everything.
pub struct Bus {
    dir: PathBuf,
    process: Option<Process>,
}

impl Bus {
    /// Starts it; its socket is in `dir`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(dir: &Path) -> Self {
        let mut bus = Self { dir: dir.to_owned(), process: None };
        let address = bus.address();
        let config = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig>\n  \
             <listen>{address}</listen><auth>EXTERNAL</auth>\n  \
             <policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_type=\"method_call\"/>\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow eavesdrop=\"true\"/></policy>\n\
             </busconfig>\n"
        );
        fs::write(dir.join("bus.conf"), config).expect("the bus's configuration can be written");
        bus.start_again();
        bus
    }

    /// Its address, for `--bus` and `busctl --address`. It stays the same when the bus is started again.
    pub fn address(&self) -> String {
        format!("unix:path={}", self.dir.join("bus").display())
    }

    /// KILL.
    pub fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill();
        }
    }

    /// Starts it (again), at the same address.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.process = None;
        let _ = fs::remove_file(self.dir.join("bus"));
        let mut command = Command::new("dbus-daemon");
        command.arg(format!("--config-file={}", self.dir.join("bus.conf").display()));
        command.args(["--nofork", "--nopidfile", "--nosyslog", "--print-address=1"]);
        let process = Process::spawn(command, &self.dir.join("bus.log"));
        process.wait_line("unix:path=");
        self.process = Some(process);
    }

    /// A connection to it.
    ///
    /// # Panics
    /// When there is none.
    pub fn client(&self) -> BusClient {
        BusClient::connect(&self.address(), BUS_NAME)
    }

    /// A connection to it that speaks to the provider's side.
    ///
    /// # Panics
    /// When there is none.
    pub fn provider_client(&self) -> BusClient {
        BusClient::connect(&self.address(), SERVER_BUS_NAME)
    }

    /// `busctl` on this bus with `arguments`, separated by blanks.
    pub fn busctl(&self, arguments: &str) -> Command {
        let mut command = Command::new("busctl");
        command.arg(format!("--address={}", self.address())).arg("--no-pager").arg("--full");
        command.args(arguments.split_whitespace());
        command
    }
}

/// A signal.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    /// When it was read.
    pub at: Instant,
    /// The object.
    pub path: String,
    /// Its interface.
    pub interface: String,
    /// The signal.
    pub member: String,
    /// Its arguments, an array.
    pub arguments: Value,
}

/// The service as any program on the bus sees it.
pub struct BusClient {
    /// Bus name of the service.
    service: &'static str,
    runtime: Runtime,
    calls: Connection,
    signals: MessageStream,
    seen: Vec<Seen>,
}

impl BusClient {
    /// Connects to speak to `service`, and listens to every signal.
    ///
    /// # Panics
    /// When there is no bus.
    pub fn connect(address: &str, service: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (calls, signals) = runtime.block_on(async {
            let connect = || async {
                let address: zbus::Address = address.parse().expect("an address");
                zbus::connection::Builder::address(address).build().await.expect("a connection to the bus")
            };
            let rule = MatchRule::builder().msg_type(message::Type::Signal).build().expect("a rule");
            // Signals have a connection of their own: those that wait must not hold up the answers to calls.
            let listening = connect().await;
            let signals =
                MessageStream::for_match_rule(rule, &listening, Some(QUEUE)).await.expect("a match rule");
            (connect().await, signals)
        });
        Self { service, runtime, calls, signals, seen: Vec::new() }
    }

    /// Calls a method of the service; its results as an array.
    ///
    /// # Errors
    /// The error's name and text.
    pub fn call<A>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        arguments: &A,
    ) -> Result<Value, (String, String)>
    where
        A: serde::Serialize + DynamicType,
    {
        let call = self.calls.call_method(Some(self.service), path, Some(interface), method, arguments);
        let answer = self.runtime.block_on(async { tokio::time::timeout(CALL, call).await });
        match answer.unwrap_or_else(|_| panic!("{interface}.{method} was not answered in {CALL:?}")) {
            Ok(reply) => Ok(arguments_of(&reply)),
            Err(zbus::Error::MethodError(name, text, _)) => Err((name.to_string(), text.unwrap_or_default())),
            Err(zbus::Error::FDO(error)) => {
                use zbus::DBusError;
                Err((error.name().to_string(), error.description().unwrap_or_default().to_owned()))
            }
            Err(error) => panic!("{interface}.{method}: {error}"),
        }
    }

    /// Calls a method of the manager.
    ///
    /// # Errors
    /// The error's name and text.
    pub fn manager<A>(&self, method: &str, arguments: &A) -> Result<Value, (String, String)>
    where
        A: serde::Serialize + DynamicType,
    {
        self.call(ROOT, MANAGER1, method, arguments)
    }

    /// Calls a method without arguments of a link.
    ///
    /// # Errors
    /// The error's name and text.
    ///
    /// # Panics
    /// When there is no such link.
    pub fn link(&self, link: &str, method: &str) -> Result<Value, (String, String)> {
        let path = self.path(link).unwrap_or_else(|| panic!("no link {link} on the bus"));
        self.call(&path, LINK1, method, &())
    }

    /// Waits until the service has its name. It is ready before, because it does not need a bus.
    ///
    /// # Panics
    /// When it does not take it.
    pub fn wait_service(&mut self) {
        self.until("the service is on the bus", SOON, |client| client.manager("ListLinks", &()).ok());
    }

    /// Every object with its interfaces and their properties, by path; none while the service is not there.
    pub fn objects(&self) -> Value {
        let results = self.call(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &());
        // Paths are no text on the bus, so that they come as pairs.
        let pairs = results.ok().and_then(|results| results[0].as_array().cloned()).unwrap_or_default();
        let named = |pair: Value| Some((pair[0].as_str()?.to_owned(), pair[1].clone()));
        Value::Object(pairs.into_iter().filter_map(named).collect())
    }

    /// The object of a link: `NAME`, or `NAMESPACE/NAME`.
    pub fn path(&self, link: &str) -> Option<String> {
        let (namespace, name) = link.split_once('/').unwrap_or(("", link));
        let path = self.manager("GetLinkByName", &(name, namespace)).ok()?;
        Some(path[0].as_str()?.to_owned())
    }

    /// Every property of a link, by interface; null when there is no such link.
    pub fn properties(&self, link: &str) -> Value {
        self.path(link).map_or(Value::Null, |path| self.objects()[path].clone())
    }

    /// A property of an object; null when there is none.
    pub fn property_at(&self, path: &str, interface: &str, property: &str) -> Value {
        let get = self.call(path, "org.freedesktop.DBus.Properties", "Get", &(interface, property));
        get.map_or(Value::Null, |results| results[0].clone())
    }

    /// A property of a link; null when there is no such link.
    pub fn property(&self, link: &str, interface: &str, property: &str) -> Value {
        self.path(link).map_or(Value::Null, |path| self.property_at(&path, interface, property))
    }

    /// The link in one word; empty when there is no such link.
    pub fn state(&self, link: &str) -> String {
        self.property(link, LINK1, "State").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the link is in one of these states, separated by blanks, and returns which.
    ///
    /// # Panics
    /// When it is not within `limit`.
    pub fn wait_state(&mut self, link: &str, states: &str, limit: Duration) -> String {
        self.until(&format!("{link} is {states}"), limit, |client| {
            let state = client.state(link);
            states.split(' ').any(|wanted| wanted == state).then_some(state)
        })
    }

    /// Waits for a LeaseEvent of this kind, after a [`BusClient::mark`], and returns the lease.
    ///
    /// # Panics
    /// When none comes within `limit`.
    pub fn wait_lease_event(&mut self, mark: usize, kind: &str, limit: Duration) -> Value {
        self.until(&format!("LeaseEvent {kind}"), limit, |client| {
            let event =
                client.seen.iter().skip(mark).find(|s| s.member == "LeaseEvent" && s.arguments[0] == kind);
            event.map(|event| event.arguments[1].clone())
        })
    }

    /// Waits for a signal of this name that `wanted` takes by its arguments, after a [`BusClient::mark`].
    ///
    /// # Panics
    /// When none comes within `limit`.
    pub fn wait_signal(
        &mut self,
        mark: usize,
        member: &str,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Seen {
        self.until(&format!("a signal {member}"), limit, |client| {
            let mut signals = client.seen.iter().skip(mark);
            signals.find(|seen| seen.member == member && wanted(&seen.arguments)).cloned()
        })
    }

    /// Waits until `found` finds something, looking again after every signal.
    ///
    /// # Panics
    /// When it does not within `limit`.
    pub fn until<T>(&mut self, what: &str, limit: Duration, mut found: impl FnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + limit;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.read(left) {
                let objects = self.objects();
                panic!("not within {limit:?}: {what}; on the bus: {objects:#}\nsignals: {:#?}", self.tail());
            }
        }
    }

    /// Number of signals so far.
    pub fn mark(&mut self) -> usize {
        self.seen().len()
    }

    /// Every signal so far.
    pub fn seen(&mut self) -> &[Seen] {
        while self.read(Duration::from_millis(1)) {}
        &self.seen
    }

    /// Waits for a StateChanged to `state`, after a [`BusClient::mark`].
    ///
    /// # Panics
    /// When none comes within `limit`.
    pub fn wait_state_changed(&mut self, mark: usize, state: &str, limit: Duration) {
        self.until(&format!("StateChanged to {state}"), limit, |client| {
            let mut signals = client.seen.iter().skip(mark);
            signals.any(|s| s.member == "StateChanged" && s.arguments[0] == state).then_some(())
        });
    }

    fn tail(&self) -> &[Seen] {
        &self.seen[self.seen.len().saturating_sub(12)..]
    }

    /// Reads signals, waiting for the first for at most `limit`; false when there was none.
    fn read(&mut self, limit: Duration) -> bool {
        let signals = &mut self.signals;
        let next = self.runtime.block_on(async { tokio::time::timeout(limit, signals.next()).await });
        let Ok(Some(Ok(message))) = next else { return false };
        let header = message.header();
        let text = |part: Option<String>| part.unwrap_or_default();
        self.seen.push(Seen {
            at: Instant::now(),
            path: text(header.path().map(ToString::to_string)),
            interface: text(header.interface().map(ToString::to_string)),
            member: text(header.member().map(ToString::to_string)),
            arguments: arguments_of(&message),
        });
        true
    }
}

fn arguments_of(message: &zbus::Message) -> Value {
    let body = message.body();
    let arguments = body.deserialize::<Structure<'_>>();
    arguments.map_or(Value::Null, |arguments| to_json(&Variant::Structure(arguments)))
}
