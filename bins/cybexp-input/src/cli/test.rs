//! `cybexp-input test`: what a source delivers, without keeping or posting it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use cybexp_service::{Config, EXIT_FAILED};
use cybexp_term as term;

use crate::plugin::{self, Given};
use crate::record::Record;
use crate::select::Select;
use crate::sink::{Sink, Stopped};
use crate::status::Status;

#[derive(Args)]
pub(super) struct Test {
    /// The input
    name: String,
    /// Stop after so many records
    #[arg(long, default_value_t = 10, value_name = "RECORDS")]
    limit: usize,
    /// Stop after so many seconds; a source that listens may have nothing to say
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    wait: u64,
}

pub(super) async fn run(config: &Config, args: Test) -> anyhow::Result<ExitCode> {
    let Test { name, limit, wait } = args;
    let select = Select {
        names: vec![name.clone()],
        plugins: Vec::new(),
    };
    super::known(&select, config)?;
    let input = config.input.inputs.iter().find(|input| input.name == name);
    let input = input.context("it was there a moment ago")?;
    let given = Given { input, config };
    let mut source = plugin::find_for(&given)?.open(&given)?;

    let status = Arc::new(Status::new(&name, &input.plugin, true));
    let (sink, mut records) = Sink::shown(&name, Arc::clone(&status), limit);
    let fetching = async move {
        let outcome = tokio::select! {
            outcome = source.fetch(&sink) => outcome.map(drop),
            () = tokio::time::sleep(Duration::from_secs(wait)) => Ok(()),
        };
        match outcome {
            Err(error) if !error.is::<Stopped>() => Err(error),
            _ => Ok(()),
        }
    };
    let showing = async {
        let mut shown = 0;
        while let Some(record) = records.recv().await {
            show(&record)?;
            shown += 1;
        }
        anyhow::Ok(shown)
    };
    let (fetched, shown) = tokio::join!(fetching, showing);
    let (shown, problem) = (shown?, status.get().last_error);
    anstream::eprintln!(
        "{shown} records (at most {limit}) that would be posted as {} of {}",
        input.typetag,
        term::line(&input.orgid)
    );
    if let Some(problem) = problem {
        anstream::eprintln!("{}", term::line(&problem));
    }
    fetched?;
    let problem = status.get().last_error.is_some();
    Ok(ExitCode::from(if problem { EXIT_FAILED } else { 0 }))
}

/// As it is for a program; on a terminal so that it cannot act.
fn show(record: &Record) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if out.is_terminal() {
        writeln!(
            out,
            "{}",
            term::line(&String::from_utf8_lossy(&record.data))
        )
    } else {
        out.write_all(&record.data)?;
        out.write_all(b"\n")
    }
}
