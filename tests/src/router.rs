//! Router advertisements from radvd at the provider.

use crate::lab::Lab;
use crate::process::Process;
use std::fs;

/// A running radvd.
pub struct Router {
    _process: Process,
}

impl Router {
    /// Answers solicitations on `s0`, which must have a carrier, at once and by unicast, with the M and O flags as given and no prefix: addresses come by DHCPv6 or not at all.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(lab: &Lab, managed: bool, other: bool) -> Self {
        let word = |on| if on { "on" } else { "off" };
        let file = lab.dir().join("radvd.conf");
        let text = format!(
            "interface s0 {{ AdvSendAdvert on; AdvManagedFlag {}; AdvOtherConfigFlag {}; \
             UnicastOnly on; }};\n",
            word(managed),
            word(other)
        );
        fs::write(&file, text).expect("radvd's configuration can be written");
        lab.provider.set("net/ipv6/conf/all/forwarding", "1");
        let mut command = lab.provider.command("radvd");
        command.args(["--nodaemon", "--logmethod", "stderr", "--debug", "1"]);
        command.arg("--config").arg(&file).arg("--pidfile").arg(lab.dir().join("radvd.pid"));
        let process = Process::spawn(command, &lab.dir().join("radvd.log"));
        process.wait_line("version");
        Self { _process: process }
    }
}
