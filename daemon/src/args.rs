//! The command line. Eight options do not need a parser library, whose size would show in the binary.

use crate::config::{Config, DEFAULT_PATH};
use dhcp4o6_dbus::BusAddress;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr as _;
use tracing::Level;

/// What `--help` prints.
pub const HELP: &str = "\
dhcp4o6d - IPv4 on IPv6-only networks, by DHCPv4 over DHCPv6: the links of a router or host,
or the servers and relay agents of a provider

Usage: dhcp4o6d [OPTION]...

      --side SIDE       subscriber runs the links of the configuration, provider its server
                        and relay agents (default: what the configuration has; both is an
                        error)
  -c, --config FILE     read FILE, and *.toml in the directory conf.d beside it
                        (default: /etc/dhcp4o6/dhcp4o6.toml)
  -s, --state-dir DIR   keep leases and the DUID in DIR
                        (default: $STATE_DIRECTORY, else /var/lib/dhcp4o6, or
                        /var/lib/dhcp4o6-server on the provider's side)
  -b, --bus BUS         where to offer the D-Bus interface: system (default), session,
                        none, or the address of a bus such as unix:path=/run/my-bus
  -l, --log LEVEL       error, warn, info, debug or trace
                        (default: as configured, else info)
      --check           check the configuration, print the effective one, and exit
      --export-leases FILE
                        write every lease of the server to FILE, one JSON object a line,
                        and exit; - is standard output, and the server may run meanwhile
      --import-leases FILE
                        add the leases in FILE to those of the server, which must not run,
                        and exit; - is standard input
  -V, --version         print the version and exit
  -h, --help            print this and exit

Signals: HUP reads the configuration again; TERM and INT stop, and a second one stops at once.
Exit codes: 0 success, 2 wrong usage or configuration, 1 any other failure.
See also: dhcp4o6ctl(1), dhcp4o6.toml(5)
";

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Run the service.
    Run(Options),
    /// Check the configuration and print the effective one.
    Check(Options),
    /// Write the leases of the provider's server to a file; `None` is standard output.
    Export(Options, Option<PathBuf>),
    /// Add leases from a file to those of the provider's server; `None` is standard input.
    Import(Options, Option<PathBuf>),
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// Which part of the configuration a process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Its links.
    Subscriber,
    /// Its server and relay agents.
    Provider,
}

/// The configuration has both sides and nobody said which to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the configuration has links or agents of a subscriber, and a server or relay agents of a provider: choose with --side \
     subscriber or --side provider"
)]
pub struct BothSides;

/// How the service runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Which side to run; `None` leaves it to the configuration.
    pub side: Option<Side>,
    /// The configuration file.
    pub config: PathBuf,
    /// Where leases and the DUID are kept; `None` is a place that depends on the side.
    state_dir: Option<PathBuf>,
    /// Where the D-Bus interface is offered; `None` is nowhere.
    pub bus: Option<BusAddress>,
    /// The least important messages to log; `None` leaves it to the configuration.
    pub log: Option<Level>,
}

impl Options {
    /// Which side to run. A configuration of neither is one of no links.
    ///
    /// # Errors
    /// When the configuration has both.
    pub fn side(&self, config: &Config) -> Result<Side, BothSides> {
        let provider = config.server.is_some() || !config.relays.is_empty() || !config.tras.is_empty();
        match self.side {
            Some(side) => Ok(side),
            None if !provider => Ok(Side::Subscriber),
            None if config.links.is_empty() && config.lcras.is_empty() => Ok(Side::Provider),
            None => Err(BothSides),
        }
    }

    /// Where leases and the DUID are kept.
    pub fn state_dir(&self, side: Side) -> PathBuf {
        self.state_dir.clone().unwrap_or_else(|| match side {
            Side::Subscriber => "/var/lib/dhcp4o6".into(),
            Side::Provider => "/var/lib/dhcp4o6-server".into(),
        })
    }
}

/// Why a command line makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UsageError {
    /// An option that does not exist.
    #[error("there is no option {0:?}")]
    Unknown(String),
    /// The option's value is missing.
    #[error("the option {option} needs {what}")]
    NoValue {
        /// As it was written.
        option: String,
        /// What it needs.
        what: &'static str,
    },
    /// The option takes no value.
    #[error("the option {0} takes no value")]
    UnwantedValue(String),
    /// The value is not one of those possible.
    #[error("the option {option} cannot be {value:?}: it is {what}")]
    BadValue {
        /// As it was written.
        option: String,
        /// As it was written.
        value: String,
        /// What is possible.
        what: &'static str,
    },
    /// The option stands twice.
    #[error("the option {0} is given twice")]
    Twice(String),
    /// A word that belongs to no option.
    #[error("{0:?} does not belong to any option")]
    Stray(String),
    /// Two things are to be done.
    #[error("only one of --check, --export-leases and --import-leases can be done")]
    SeveralActions,
}

const A_FILE: &str = "the name of a file";
const A_DIRECTORY: &str = "the name of a directory";
const A_BUS: &str = "system, session, none, or the address of a bus such as unix:path=/run/my-bus";
const A_LEVEL: &str = "error, warn, info, debug or trace";
const A_SIDE: &str = "subscriber or provider";
const A_STREAM: &str = "the name of a file, or -";

/// Reads the arguments, without the program's name. `state_directory` is `$STATE_DIRECTORY`.
///
/// # Errors
/// When something is there that is not understood. `--help` and `--version` win over everything before a mistake.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    state_directory: Option<OsString>,
) -> Result<Action, UsageError> {
    let mut arguments = arguments.into_iter();
    let (mut config, mut state_dir, mut bus, mut log, mut check) = (None, None, None, None, false);
    let (mut side, mut export, mut import) = (None, None, None);
    while let Some(argument) = arguments.next() {
        let (option, attached) = split(&argument)?;
        let mut value = |what| match attached.clone().or_else(|| arguments.next()) {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(UsageError::NoValue { option: option.clone(), what }),
        };
        match option.as_str() {
            "-c" | "--config" => once(&mut config, value(A_FILE)?, &option)?,
            "-s" | "--state-dir" => once(&mut state_dir, value(A_DIRECTORY)?, &option)?,
            "-b" | "--bus" => once(&mut bus, read(&option, &value(A_BUS)?, A_BUS, bus_named)?, &option)?,
            "-l" | "--log" => {
                once(&mut log, read(&option, &value(A_LEVEL)?, A_LEVEL, level_named)?, &option)?
            }
            "--side" => once(&mut side, read(&option, &value(A_SIDE)?, A_SIDE, side_named)?, &option)?,
            "--export-leases" => once(&mut export, value(A_STREAM)?, &option)?,
            "--import-leases" => once(&mut import, value(A_STREAM)?, &option)?,
            "-h" | "--help" | "-V" | "--version" | "--check" if attached.is_some() => {
                return Err(UsageError::UnwantedValue(option));
            }
            "-h" | "--help" => return Ok(Action::Help),
            "-V" | "--version" => return Ok(Action::Version),
            "--check" => check = true,
            _ => return Err(UsageError::Unknown(option)),
        }
    }
    // systemd joins several directories by colons.
    let of_systemd = state_directory
        .and_then(|dirs| dirs.to_str()?.split(':').next().filter(|dir| !dir.is_empty()).map(PathBuf::from));
    let options = Options {
        side,
        config: config.map_or_else(|| DEFAULT_PATH.into(), PathBuf::from),
        state_dir: state_dir.map(PathBuf::from).or(of_systemd),
        bus: bus.unwrap_or(Some(BusAddress::System)),
        log,
    };
    match (check, export, import) {
        (false, None, None) => Ok(Action::Run(options)),
        (true, None, None) => Ok(Action::Check(options)),
        (false, Some(file), None) => Ok(Action::Export(options, stream(file))),
        (false, None, Some(file)) => Ok(Action::Import(options, stream(file))),
        _ => Err(UsageError::SeveralActions),
    }
}

/// A file; `None` is a standard stream.
fn stream(name: OsString) -> Option<PathBuf> {
    (name != "-").then(|| name.into())
}

/// `--name`, `--name=value`, `-n` or `-nvalue`.
fn split(argument: &OsString) -> Result<(String, Option<OsString>), UsageError> {
    let text = argument.to_string_lossy().into_owned();
    if let Some(long) = text.strip_prefix("--").filter(|long| !long.is_empty()) {
        let Some((name, _)) = long.split_once('=') else { return Ok((text, None)) };
        // The value may be a path that is not UTF-8: cut the octets, not the text.
        use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
        let after = argument.as_bytes().iter().position(|octet| *octet == b'=').map_or(0, |at| at + 1);
        let value = argument.as_bytes().get(after..).unwrap_or_default().to_vec();
        return Ok((format!("--{name}"), Some(OsString::from_vec(value))));
    }
    match text.strip_prefix('-').and_then(|short| short.chars().next()) {
        Some(letter) if letter != '-' => {
            let rest = text.get(1 + letter.len_utf8()..).unwrap_or_default();
            Ok((format!("-{letter}"), (!rest.is_empty()).then(|| rest.into())))
        }
        _ => Err(UsageError::Stray(text)),
    }
}

fn once<T>(place: &mut Option<T>, value: T, option: &str) -> Result<(), UsageError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(UsageError::Twice(option.to_owned())),
    }
}

fn read<T>(
    option: &str,
    value: &OsString,
    what: &'static str,
    named: impl FnOnce(&str) -> Option<T>,
) -> Result<T, UsageError> {
    value.to_str().and_then(named).ok_or_else(|| UsageError::BadValue {
        option: option.to_owned(),
        value: value.to_string_lossy().into_owned(),
        what,
    })
}

fn bus_named(value: &str) -> Option<Option<BusAddress>> {
    if value == "none" { Some(None) } else { value.parse().ok().map(Some) }
}

fn side_named(value: &str) -> Option<Side> {
    match value {
        "subscriber" => Some(Side::Subscriber),
        "provider" => Some(Side::Provider),
        _ => None,
    }
}

fn level_named(value: &str) -> Option<Level> {
    // Its own parser takes numbers as well, which mean something else to syslog.
    value.bytes().all(|octet| octet.is_ascii_alphabetic()).then(|| Level::from_str(value).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Action, UsageError> {
        super::parse(arguments.iter().map(OsString::from), None)
    }

    fn options(arguments: &[&str]) -> Options {
        match parse(arguments) {
            Ok(Action::Run(options)) => options,
            other => panic!("{arguments:?} gave {other:?}"),
        }
    }

    #[test]
    fn nothing_given_means_the_system_wide_service() {
        let options = options(&[]);
        assert_eq!(options.config, PathBuf::from("/etc/dhcp4o6/dhcp4o6.toml"));
        assert_eq!(options.state_dir(Side::Subscriber), PathBuf::from("/var/lib/dhcp4o6"));
        assert_eq!(options.state_dir(Side::Provider), PathBuf::from("/var/lib/dhcp4o6-server"));
        assert_eq!((options.bus, options.log), (Some(BusAddress::System), None));
    }

    #[test]
    fn values_may_stand_behind_a_blank_or_an_equals_sign() {
        let apart = options(&["--config", "/a", "--state-dir", "/b", "--bus", "session", "--log", "debug"]);
        let joined = options(&["--config=/a", "--state-dir=/b", "--bus=session", "--log=DEBUG"]);
        let short = options(&["-c", "/a", "-s/b", "-b", "session", "-ldebug"]);
        assert_eq!(apart, joined);
        assert_eq!(apart, short);
        assert_eq!(apart.log, Some(Level::DEBUG));
    }

    #[test]
    fn a_bus_address_may_hold_equals_signs() {
        let bus = options(&["--bus=unix:path=/run/x,guid=00112233445566778899aabbccddeeff"]).bus;
        assert_eq!(
            bus,
            Some(BusAddress::At("unix:path=/run/x,guid=00112233445566778899aabbccddeeff".into()))
        );
        assert_eq!(options(&["--bus", "none"]).bus, None);
    }

    #[test]
    fn the_state_directory_of_systemd_is_the_default() {
        let of = |given: &str| match super::parse([], Some(given.into())) {
            Ok(Action::Run(options)) => options.state_dir(Side::Subscriber),
            other => panic!("{other:?}"),
        };
        assert_eq!(of("/run/a:/run/b"), PathBuf::from("/run/a"));
        assert_eq!(of(""), PathBuf::from("/var/lib/dhcp4o6"));
    }

    #[test]
    fn a_path_need_not_be_utf_8() {
        use std::os::unix::ffi::OsStringExt as _;
        let argument = OsString::from_vec(b"--config=/\xff.toml".to_vec());
        let Ok(Action::Check(options)) = super::parse([argument, "--check".into()], None) else { panic!() };
        assert_eq!(options.config, PathBuf::from(OsString::from_vec(b"/\xff.toml".to_vec())));
    }

    #[test]
    fn mistakes_are_named() {
        for (arguments, message) in [
            (&["--confg", "x"][..], "there is no option \"--confg\""),
            (&["-x"], "there is no option \"-x\""),
            (&["--config"], "the option --config needs the name of a file"),
            (&["--state-dir="], "the option --state-dir needs the name of a directory"),
            (&["--check=yes"], "the option --check takes no value"),
            (
                &["--log", "loud"],
                "the option --log cannot be \"loud\": it is error, warn, info, debug or trace",
            ),
            (&["--log=3"], "the option --log cannot be \"3\": it is error, warn, info, debug or trace"),
            (&["--side=isp"], "the option --side cannot be \"isp\": it is subscriber or provider"),
            (&["--check", "--export-leases=-"], &UsageError::SeveralActions.to_string()),
            (&["--import-leases", "a", "--export-leases", "b"], &UsageError::SeveralActions.to_string()),
            (&["--import-leases="], "the option --import-leases needs the name of a file, or -"),
            (&["-b", "sytem"], &format!("the option -b cannot be \"sytem\": it is {A_BUS}")),
            (&["-c", "/a", "--config=/b"], "the option --config is given twice"),
            (&["wan0"], "\"wan0\" does not belong to any option"),
            (&["--"], "\"--\" does not belong to any option"),
            (&["-"], "\"-\" does not belong to any option"),
        ] {
            assert_eq!(parse(arguments).map_err(|error| error.to_string()), Err(message.to_owned()));
        }
    }

    #[test]
    fn help_and_version_win() {
        assert_eq!(parse(&["--check", "-h", "--nonsense"]), Ok(Action::Help));
        assert_eq!(parse(&["--version"]), Ok(Action::Version));
    }

    #[test]
    fn the_help_names_every_option() {
        for option in [
            "--side",
            "--config",
            "--state-dir",
            "--bus",
            "--log",
            "--check",
            "--export-leases",
            "--import-leases",
            "--version",
            "--help",
        ] {
            assert!(HELP.contains(option));
        }
    }

    #[test]
    fn leases_come_from_and_go_to_files_or_streams() {
        let of = |arguments: &[&str]| match parse(arguments) {
            Ok(Action::Export(_, file) | Action::Import(_, file)) => file,
            other => panic!("{arguments:?} gave {other:?}"),
        };
        assert_eq!(of(&["--export-leases", "-"]), None);
        assert_eq!(of(&["--import-leases=/a"]), Some("/a".into()));
    }

    #[test]
    fn the_configuration_chooses_the_side_unless_it_has_both() {
        let relay = crate::provider::tests::relay("relay1", "lan0");
        let link = crate::config::LinkConfig::from_toml("match = \"wan0\"").unwrap();
        let neither = Config::default();
        let provider = Config { relays: vec![relay], ..Config::default() };
        let subscriber = Config { links: vec![link.clone()], ..Config::default() };
        let both = Config { links: vec![link], ..provider.clone() };
        let side = |arguments: &[&str], config| options(arguments).side(config);
        assert_eq!(side(&[], &neither), Ok(Side::Subscriber));
        assert_eq!(side(&[], &subscriber), Ok(Side::Subscriber));
        assert_eq!(side(&[], &provider), Ok(Side::Provider));
        assert_eq!(side(&[], &both), Err(BothSides));
        assert_eq!(side(&["--side", "subscriber"], &both), Ok(Side::Subscriber));
        assert_eq!(side(&["--side", "provider"], &both), Ok(Side::Provider));
    }
}
