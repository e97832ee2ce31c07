//! Prints the summary that `up` shows once everything runs.

use std::fmt::Display;

use cybexp_term::{BOLD, DIM};

use super::suite::Suite;
use crate::daemon::Daemon;

/// Prints the addresses and files of the suite, its running inputs, and the accounts that the first start made.
pub(super) fn up(suite: &Suite, no_inputs: bool) {
    places(suite);
    inputs(suite, no_inputs);
    if let Some(made) = &suite.accounts {
        anstream::println!("\n{BOLD}Made at this first start, and shown only now{BOLD:#}");
        row("organisation", made.org.orgname());
        row("admin", made.admin.email());
        row("password", &made.password);
        row("token", &made.token);
        anstream::println!("\nPost a honeypot's log, in another terminal:");
        let org = made.org.orgname();
        anstream::println!("  cybexp post --lines --typetag cowrie --org {org} cowrie.json");
    }
    anstream::println!("\nThe suite is up until Ctrl-C.");
}

/// Prints the addresses of web pages, API, MongoDB and metrics, and the configuration file.
pub(crate) fn places(suite: &Suite) {
    if suite.daemons.contains(&Daemon::Web) {
        row(
            "web pages",
            format_args!("http://{}/", suite.config.web.listen),
        );
    }
    row("API", &suite.config.api.url);
    row("MongoDB", &suite.mongo_url);
    let given = suite.daemons.iter().filter_map(|daemon| {
        let address = suite.config.metrics.of(daemon.name())?;
        Some((daemon.name(), address))
    });
    let mut label = "metrics";
    for (daemon, address) in given {
        row(label, format_args!("http://{address}/metrics  {daemon}"));
        label = "";
    }
    if label == "metrics" {
        row(
            label,
            "none: the section metrics of the configuration gives addresses",
        );
    }
    let config = suite.folder.join("config.json");
    row("config", suite.config.file().unwrap_or(&config).display());
}

fn inputs(suite: &Suite, no_inputs: bool) {
    let all = &suite.config.input.inputs;
    let enabled = || all.iter().filter(|input| input.enabled);
    let off = all.len() - enabled().count();
    let off = match off {
        0 => String::new(),
        off => format!(" ({off} disabled)"),
    };
    if suite.daemons.contains(&Daemon::Input) {
        let names: Vec<&str> = enabled().map(|input| &*input.name).collect();
        row(
            "inputs",
            format_args!("{} run{off}: {}", names.len(), names.join(", ")),
        );
        row(
            "",
            format_args!("{DIM}`cybexp-input status` shows how they are{DIM:#}"),
        );
    } else if no_inputs && enabled().count() > 0 {
        row(
            "inputs",
            format_args!("none run: --no-inputs; {} are enabled", enabled().count()),
        );
    } else {
        row("inputs", format_args!("none run: none is enabled{off}"));
        row(
            "",
            format_args!("{DIM}`cybexp-input list` shows what can be collected{DIM:#}"),
        );
    }
}

fn row(label: &str, value: impl Display) {
    anstream::println!("{label:<12}  {value}");
}
