//! A daemon as a child process, seen from inside: runs it until it is asked to stop or its owner is gone.

use std::io::Read;
use std::process::ExitCode;

use cybexp_service::{DaemonArgs, run_daemon};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::Daemon;

/// Arguments of the hidden command `cybexp daemon`, which runs a daemon as a child of this program.
#[derive(clap::Args)]
pub(crate) struct ChildArgs {
    /// The daemon to run
    pub(crate) which: Daemon,
    #[command(flatten)]
    pub(crate) args: DaemonArgs,
}

/// Runs the daemon until it is asked to stop or its owner is gone, and returns its exit status.
pub(crate) fn main(child: ChildArgs) -> ExitCode {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = kill(Pid::this(), Signal::SIGTERM);
    });
    let (name, args) = (child.which.name(), child.args);
    match child.which {
        Daemon::Input => run_daemon(name, args, cybexp_input::run),
        Daemon::Api => run_daemon(name, args, cybexp_api::run),
        Daemon::Archive => run_daemon(name, args, cybexp_archive::run),
        Daemon::Analytics => run_daemon(name, args, cybexp_analytics::run),
        Daemon::Report => run_daemon(name, args, cybexp_report::run),
        Daemon::Web => run_daemon(name, args, cybexp_web::run),
    }
}
