//! The manual page and the shell completions are made from the arguments and committed, so that packages need not make
//! them. With `UPDATE_GENERATED=1` this writes them instead of comparing.

#[path = "../src/args.rs"]
#[allow(dead_code, unreachable_pub, reason = "only the shape of the arguments is used here")]
mod args;

#[path = "../src/hex.rs"]
#[allow(dead_code, unreachable_pub, reason = "only the types of arguments are used here")]
mod hex;

use clap::CommandFactory;
use clap_complete::Shell;
use std::path::Path;

fn compare(file: &str, made: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, made).expect("the directory is committed");
        return;
    }
    let committed = std::fs::read(&path).unwrap_or_default();
    assert!(
        committed == made,
        "{file} is out of date: run this test with UPDATE_GENERATED=1 and commit the difference"
    );
}

#[test]
fn shell_completions_are_up_to_date() {
    for (shell, file) in [
        (Shell::Bash, "completions/dhcp4o6ctl.bash"),
        (Shell::Zsh, "completions/_dhcp4o6ctl"),
        (Shell::Fish, "completions/dhcp4o6ctl.fish"),
    ] {
        let mut made = Vec::new();
        clap_complete::generate(shell, &mut args::Arguments::command(), "dhcp4o6ctl", &mut made);
        let made = with_names(shell, String::from_utf8(made).unwrap());
        compare(file, made.as_bytes());
    }
}

/// Commands whose argument is a link or a role.
fn commands_with_names() -> Vec<String> {
    let takes_name = |command: &&clap::Command| {
        command.get_positionals().any(|argument| ["name", "link"].contains(&argument.get_id().as_str()))
    };
    let command = args::Arguments::command();
    command.get_subcommands().filter(takes_name).map(|command| command.get_name().to_owned()).collect()
}

/// The completions of `shell` with what they lack: names of links and roles, which the service is asked for.
fn with_names(shell: Shell, mut made: String) -> String {
    const ASK: &str = "dhcp4o6ctl names 2>/dev/null";
    let commands = commands_with_names();
    assert!(commands.contains(&"show".to_owned()) && !commands.contains(&"status".to_owned()));
    match shell {
        Shell::Bash => {
            for command in commands {
                let head = format!("        dhcp4o6ctl__subcmd__{command})\n            opts=\"");
                assert_eq!(made.matches(&head).count(), 1, "{command}");
                made = made.replace(&head, &format!("{head}$({ASK} | tr '\\n' ' ') "));
            }
            made
        }
        Shell::Zsh => {
            let ask = format!(
                "_dhcp4o6ctl_names() {{\n    local -a names=(${{(f)\"$(_call_program names {ASK})\"}})\n    compadd -a names\n}}\n\n"
            );
            let lines: Vec<_> = made.lines().collect();
            let with_names = lines.iter().map(|line| {
                let takes_name = ["':link -- ", "':name -- ", "'::link -- ", "'::name -- "]
                    .iter()
                    .any(|argument| line.starts_with(argument));
                if takes_name {
                    line.replace(":_default'", ":_dhcp4o6ctl_names'")
                } else {
                    (*line).to_owned()
                }
            });
            let made = with_names.collect::<Vec<_>>().join("\n") + "\n";
            assert_eq!(made.matches(":_dhcp4o6ctl_names'").count(), commands.len());
            let end = "if [ \"$funcstack[1]\"";
            assert_eq!(made.matches(end).count(), 1);
            made.replace(end, &(ask + end))
        }
        _ => {
            for command in commands {
                made.push_str(&format!(
                    "complete -c dhcp4o6ctl -n \"__fish_dhcp4o6ctl_using_subcommand {command}\" -f -a \"({ASK})\"\n"
                ));
            }
            made
        }
    }
}

#[test]
fn the_manual_page_is_up_to_date() {
    let mut made = Vec::new();
    let command = args::Arguments::command();
    let page = clap_mangen::Man::new(command.clone()).manual("dhcp4o6").date("");
    page.render_title(&mut made).unwrap();
    page.render_name_section(&mut made).unwrap();
    made.extend_from_slice(DESCRIPTION.as_bytes());
    page.render_options_section(&mut made).unwrap();
    made.extend_from_slice(b".SH COMMANDS\n");
    for command in command.get_subcommands() {
        let usage: String = command
            .get_positionals()
            .map(|argument| match argument.is_required_set() {
                true => format!(" \\fI{}\\fR", argument.get_id().as_str().to_uppercase()),
                false => format!(" [\\fI{}\\fR]", argument.get_id().as_str().to_uppercase()),
            })
            .collect();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        made.extend_from_slice(format!(".TP\n\\fB{}\\fR{usage}\n{about}.\n", command.get_name()).as_bytes());
        for option in command.get_opts() {
            let (Some(long), Some(help)) = (option.get_long(), option.get_help()) else { continue };
            let value = option.get_action().takes_values();
            let value = match (value, option.get_value_names()) {
                (true, Some([name, ..])) => format!(" \\fI{name}\\fR"),
                _ => String::new(),
            };
            let long = long.replace('-', "\\-");
            made.extend_from_slice(
                format!(".RS\n.TP\n\\fB\\-\\-{long}\\fR{value}\n{help}.\n.RE\n").as_bytes(),
            );
        }
    }
    made.extend_from_slice(REST.as_bytes());
    compare("man/dhcp4o6ctl.1", &made);
}

const DESCRIPTION: &str = r".SH SYNOPSIS
.B dhcp4o6ctl
[\fIOPTIONS\fR] [\fICOMMAND\fR] [\fILINK\fR | \fINAME\fR]
.SH DESCRIPTION
.B dhcp4o6ctl
shows and controls what
.BR dhcp4o6d (8)
does on each link: whether the provider gives IPv4 by DHCPv4 over DHCPv6 or over IPv6, what was obtained, and why not if
it was not.
It shows on\-link client relay agents too, and on the provider's side the server and the relay agents, leases and pools.
.PP
A
.I NAME
is that of a link or a role. A role is
.BR server ,
or what the configuration calls it:
.IR edge ,
or with its kind before it where there are several,
.IR relay/edge ,
.I tra/edge
or
.IR lcra/edge .
.PP
Without a command it prints the table of
.BR status .
Everybody may look; only root may control, and see who has which lease.
.PP
It uses the D\-Bus interface of the service and nothing else, so
.BR busctl (1)
can do all of it too:
.PP
.RS
busctl tree org.dhcp4o6
.RE
";

const REST: &str = r#".SH STATES
.TP
.B down
The link is stopped, missing, or administratively down.
.TP
.B no\-carrier
There is no carrier.
.TP
.B wait\-ipv6
There is no link\-local address yet that passed duplicate address detection.
.TP
.B dhcp6
The DHCPv6 stage has no configuration yet.
.TP
.B not\-enabled
The DHCPv6 server does not enable DHCPv4 over DHCPv6, and no server of DHCPv4 over IPv6 is known.
.TP
.B acquiring
On the way to an IPv4 lease.
.TP
.BR bound ", " renewing ", " rebinding
IPv4 is installed; the lease is being extended with its server, or with any server.
.TP
.B degraded
A lease is held, but something is wrong: it is not installed, cannot be extended, or is not stored.
.TP
.B expired
The lease ended and nobody gave another.
.TP
.B failed
It cannot go on without an operator; it tries again now and then.
.TP
.B missing
The link is configured and not there.
.PP
A role is
.BR starting ", " running ", " failed ,
or
.B degraded
while leases cannot be stored and no new ones are given.
The client relay agent of a link is
.BR running " or " waiting :
for a usable global address, for the address of a server, or for the permit that it is told to need.
.SH EXIT STATUS
.TP
.B 0
Success. With
.BR \-\-wait :
what was asked has been achieved.
.TP
.B 1
It failed: refused, not achieved, or not in time.
.TP
.B 2
Wrong usage.
.TP
.B 3
The service or the bus is not there.
.TP
.B 4
There is no such link.
.SH ENVIRONMENT
.TP
.B NO_COLOR
No colours when set and not empty. There are none anyway unless the output is a terminal.
.SH EXAMPLES
.TP
Why does this link have no IPv4?
.B dhcp4o6ctl explain wan0
.TP
Why do clients behind this IPv6\-transport relay agent get nothing?
.B dhcp4o6ctl explain tra/edge
.TP
Get a new lease and go on when it is there, for 30 seconds at most:
.B dhcp4o6ctl restart \-\-wait \-\-timeout 30 wan0
.TP
What would a client behind this relay agent get, and why?
.B dhcp4o6ctl select\-test \-\-link\-address 2001:db8:1::1 \-\-client\-id ff000000010003000102005e100001
.TP
And one behind this client relay agent and this IPv6\-transport relay agent?
.B dhcp4o6ctl select\-test \-\-giaddr 198.51.100.9 \-\-cra6addr 2001:db8:1:1::18 \-\-client\-id ff000000010003000102005e100001
.TP
The IPv4 address, for a script:
.B "dhcp4o6ctl \-\-json status | jq \-r '.links[].ipv4'"
.SH NOTES
What a peer sent is printed with every octet outside printable ASCII as \exNN. In JSON, octets are hexadecimal digits,
moments are microseconds since boot (CLOCK_BOOTTIME), and 18446744073709551615 is never.
.SH SEE ALSO
.BR dhcp4o6d (8),
.BR dhcp4o6.toml (5),
.BR busctl (1)
"#;
