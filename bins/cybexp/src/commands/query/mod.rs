//! `cybexp query`: questions, through the API.

mod arguments;
mod many;
mod show;
mod show_session;
mod show_timeline;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use cybexp_service::Config;
use serde_json::{Map, Value};
use tahoe_core::Tlp;
use tahoe_core::question::field::{SUMMARY, SUMMARY_GRAPH};

use super::api::ApiArgs;
use arguments::{BucketArgs, InstanceArgs, PageArgs, ScopeArgs, SubjectArgs};
use cybexp_term as term;
use values::{NewArgs, SearchArgs, TopArgs};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Ask about all that stands in this file at once, `-` is the standard input: an indicator to a line, whose type is
    /// known by its look (address, network, CVE, hash, URL, mail address, domain, host, else a command); or questions as
    /// the API takes them, in a JSON list or one to a line, such as {"type": "count", "data": {"sub_type": "ipv4", "data":
    /// "192.0.2.1"}}
    #[arg(long, required = true, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The query to make for each indicator in FILE
    #[arg(long, value_enum, default_value_t = ListQuestion::Count, requires = "file")]
    about: ListQuestion,
    #[command(flatten)]
    ask: Ask,
}

/// The question about each of many indicators.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ListQuestion {
    /// Count the events that hold the indicator
    Count,
    /// Show the values seen together with the indicator
    Related,
}

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Count the events that hold a value
    #[command(after_help = list_of_sub_types())]
    Count {
        #[command(flatten)]
        subject: SubjectArgs,
        #[command(flatten)]
        ask: Ask,
    },
    /// Show the values seen together with a value
    #[command(after_help = list_of_sub_types())]
    Related {
        #[command(flatten)]
        subject: SubjectArgs,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        stix: StixArgs,
        #[command(flatten)]
        ask: Ask,
    },
    /// Tell how threatening an event or a value is
    #[command(after_help = list_of_sub_types())]
    Threatrank {
        #[command(flatten)]
        of: InstanceArgs,
        #[command(flatten)]
        ask: Ask,
    },
    /// Count the events that hold a value by hour, day or week, and by category
    #[command(after_help = list_of_sub_types())]
    Timeline {
        #[command(flatten)]
        subject: SubjectArgs,
        #[command(flatten)]
        bucket: BucketArgs,
        #[command(flatten)]
        ask: Ask,
    },
    /// Tell all that happened in a session: that of this hash, that of an event of this hash, or the newest that the value
    /// identifies, such as a sessionid
    Session {
        #[command(flatten)]
        of: InstanceArgs,
        #[command(flatten)]
        page: PageArgs,
        #[command(flatten)]
        ask: Ask,
    },
    /// Show the most frequent values of a sub_type, also of country_code2, asn, asn_name, cidr and domain, which are derived
    /// from addresses and hosts, and of behaviour, which counts sessions
    Top {
        #[command(flatten)]
        of: TopArgs,
        #[command(flatten)]
        ask: Ask,
    },
    /// Search the values of a sub_type: by their beginning, addresses by network, hosts by domain
    Search {
        #[command(flatten)]
        of: SearchArgs,
        #[command(flatten)]
        ask: Ask,
    },
    /// Show the values of a sub_type that were first seen in a time range, newest first
    New {
        #[command(flatten)]
        of: NewArgs,
        #[command(flatten)]
        ask: Ask,
    },
}

/// Passing an answer on.
#[derive(clap::Args)]
pub(crate) struct StixArgs {
    /// Print the answer as a STIX 2.1 bundle, to be passed on
    #[arg(long, conflicts_with_all = ["json", "redo"])]
    stix: bool,
    /// The strictest label of what the bundle may hold: clear, green, amber, amber+strict or red
    #[arg(long, value_name = "LABEL", default_value = "clear", requires = "stix")]
    tlp: Tlp,
}

/// Returns the paragraph of the help that lists the sub_types.
fn list_of_sub_types() -> String {
    format!(
        "Sub_types that filters make (sightings and MISP may bring others):\n{}",
        arguments::sub_types().join(", ")
    )
}

/// The way of asking.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// Print the report as it is
    #[arg(long)]
    json: bool,
    /// Have it worked out anew, and use nothing that is remembered of earlier answers
    #[arg(long)]
    redo: bool,
    /// The longest to wait for the report, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    wait: u64,
    #[command(flatten)]
    api: ApiArgs,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let Some(action) = args.action else {
        let file = args.file.unwrap_or_else(|| "-".into());
        return many::run(&file, args.about, &args.ask, config).await;
    };
    match action {
        Action::Count { subject, ask } => {
            let report = ask.ask(config, "count", subject.fields()?).await?;
            ask.show(&report, |report| show::count(&subject, report));
        }
        Action::Related {
            subject,
            scope,
            stix,
            ask,
        } => {
            let mut fields = subject.fields()?;
            fields.extend(scope.fields());
            if stix.stix {
                return ask.bundle(config, "related", fields, stix.tlp).await;
            }
            let report = ask.ask(config, "related", fields).await?;
            ask.show(&report, |report| show::related(&subject, &scope, report));
        }
        Action::Threatrank { of, ask } => {
            let report = ask.ask(config, "threatrank", of.fields()?).await?;
            ask.show(&report, |report| show::threatrank(&of.given(), report));
        }
        Action::Timeline {
            subject,
            bucket,
            ask,
        } => {
            let mut fields = subject.fields()?;
            fields.extend(bucket.fields());
            let report = ask.ask(config, "timeline", fields).await?;
            ask.show(&report, |report| show_timeline::timeline(&subject, report));
        }
        Action::Session { of, page, ask } => {
            let mut fields = of.fields()?;
            fields.extend(page.fields());
            let report = ask.ask(config, "session", fields).await?;
            ask.show(&report, show_session::session);
        }
        Action::Top { of, ask } => {
            let report = ask.ask(config, "top", of.fields()).await?;
            ask.show(&report, values::top);
        }
        Action::Search { of, ask } => {
            let report = ask.ask(config, "search", of.fields()).await?;
            ask.show(&report, values::first_seen);
        }
        Action::New { of, ask } => {
            let report = ask.ask(config, "new", of.fields()).await?;
            ask.show(&report, values::first_seen);
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Ask {
    async fn ask(
        &self,
        config: &Config,
        qtype: &str,
        fields: Map<String, Value>,
    ) -> anyhow::Result<Value> {
        let client = self.api.client(config).await?;
        let wait = Duration::from_secs(self.wait);
        client
            .ask(qtype, &Value::Object(fields), self.redo, wait)
            .await
    }

    /// Prints the answer as a STIX bundle.
    async fn bundle(
        &self,
        config: &Config,
        qtype: &str,
        mut fields: Map<String, Value>,
        tlp: Tlp,
    ) -> anyhow::Result<ExitCode> {
        fields.remove(SUMMARY_GRAPH.name);
        fields.insert(SUMMARY.name.to_owned(), false.into());
        let client = self.api.client(config).await?;
        let wait = Duration::from_secs(self.wait);
        let data = Value::Object(fields);
        let (bundle, left_out) = client.ask_stix(qtype, &data, tlp, wait).await?;
        anstream::println!("{}", term::json(&bundle));
        if left_out > 0 {
            let what =
                format!("{left_out} events are stricter than {tlp} and were left out (--tlp)");
            anstream::eprintln!("{}", term::wrapped(&what, 0, 0));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn show(&self, report: &Value, people: impl FnOnce(&Value)) {
        match self.json {
            true => anstream::println!("{}", term::json(report)),
            false => people(report),
        }
    }
}

/// Returns the name that the API uses.
fn name(choice: impl ValueEnum) -> Value {
    let value = choice.to_possible_value();
    value.map_or(Value::Null, |value| Value::from(value.get_name()))
}
