//! `cybexp query`: questions, through the API.

mod many;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Subcommand, ValueEnum};
use cybexp_filters::vocabulary;
use cybexp_service::Config;
use serde_json::{Map, Value, json};
use tahoe_core::{Attribute, Hash, Scalar, SubType};

use super::api::ApiArgs;
use super::named::Named;
use cybexp_term as term;

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
        subject: Subject,
        #[command(flatten)]
        ask: Ask,
    },
    /// Show the values seen together with a value
    #[command(after_help = list_of_sub_types())]
    Related {
        #[command(flatten)]
        subject: Subject,
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        ask: Ask,
    },
    /// Tell how threatening an event is
    Threatrank {
        /// The event's hash
        #[arg(value_name = "HASH")]
        event: Hash,
        #[command(flatten)]
        ask: Ask,
    },
}

/// The subject of a question, and the conditions that select events.
#[derive(clap::Args)]
pub(crate) struct Subject {
    /// The kind of attribute, such as url, ipv4 or ip; `_hash` where VALUE is the hash of an instance
    #[arg(value_parser = Named(sub_types), hide_possible_values = true)]
    sub_type: String,
    /// The attribute's value; it is read as filters read it, so YA.RU is the domain ya.ru, and 80 the port 80
    #[arg(allow_negative_numbers = true)]
    value: String,
    /// Take the value as it is written, and as this: 1, 1.0 and "1" are three different attributes [default: all that it
    /// may be are looked for]
    #[arg(long = "type", value_enum)]
    kind: Option<Type>,
    /// Events from then on: Unix seconds, or a date in the styles people write
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    from: Option<String>,
    /// Events until then
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    to: Option<String>,
    /// Events of the last time, such as 30min, 12h, 7d, 1M
    #[arg(long, value_name = "TIME")]
    last: Option<String>,
    /// The IANA zone of --from and --to [default: UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Events of this category only
    #[arg(long, value_enum)]
    category: Option<EventLabel>,
    /// Events that saw it in this context only
    #[arg(long, value_enum)]
    context: Option<EventLabel>,
}

/// Returns the paragraph of the help that lists the sub_types.
fn list_of_sub_types() -> String {
    format!(
        "Sub_types that filters make (sightings and MISP may bring others):\n{}",
        sub_types().join(", ")
    )
}

/// Returns the names that completions offer for SUB_TYPE.
fn sub_types() -> Vec<&'static str> {
    let names = vocabulary::ATTRIBUTES.iter().copied();
    names.chain(["ip", "_hash"]).collect()
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Type {
    Str,
    Int,
    Float,
    Bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum EventLabel {
    Malicious,
    Benign,
    Unknown,
}

/// The extent and form of a related report.
#[derive(clap::Args)]
pub(crate) struct Scope {
    /// 1: its events; each more adds their sessions and those sessions' other events
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    level: u8,
    /// Which ten of the events, newest first
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    page: u32,
    /// Instances of this kind only
    #[arg(long, value_enum)]
    return_type: Option<Itype>,
    /// The documents, instead of the values of attributes by type
    #[arg(long, conflicts_with = "graph")]
    documents: bool,
    /// How each value is connected, as a tree
    #[arg(long)]
    graph: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Itype {
    Attribute,
    Object,
    Event,
    Session,
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
            ask,
        } => {
            let mut fields = subject.fields()?;
            fields.extend(scope.fields());
            let report = ask.ask(config, "related", fields).await?;
            ask.show(&report, |report| show::related(&subject, &scope, report));
        }
        Action::Threatrank { event, ask } => {
            let fields = Map::from_iter([("_hash".to_owned(), json!(event))]);
            let report = ask.ask(config, "threatrank", fields).await?;
            ask.show(&report, |report| show::threatrank(event, report));
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

    fn show(&self, report: &Value, people: impl FnOnce(&Value)) {
        match self.json {
            true => anstream::println!("{}", term::json(report)),
            false => people(report),
        }
    }
}

impl Subject {
    fn fields(&self) -> anyhow::Result<Map<String, Value>> {
        let mut fields = Map::new();
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        match self.kind {
            _ if self.sub_type == "_hash" => add("_hash", Some(json!(self.value))),
            Some(kind) => add(
                "_hash",
                Some(json!(kind.hash(&self.sub_type, &self.value)?)),
            ),
            None => {
                add("sub_type", Some(json!(self.sub_type)));
                add("data", Some(json!(self.value)));
            }
        }
        add("from", self.from.as_deref().map(time));
        add("to", self.to.as_deref().map(time));
        add("last", self.last.as_deref().map(Value::from));
        add("tzname", self.tz.as_deref().map(Value::from));
        add("category", self.category.map(name));
        add("context", self.context.map(name));
        Ok(fields)
    }
}

impl Scope {
    fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("level".to_owned(), json!(self.level));
        fields.insert("page".to_owned(), json!(self.page));
        if let Some(itype) = self.return_type {
            fields.insert("return_type".to_owned(), name(itype));
        }
        if self.documents {
            fields.insert("summary".to_owned(), json!(false));
        }
        if self.graph {
            fields.insert("summary_graph".to_owned(), json!(true));
        }
        fields
    }
}

impl Type {
    /// Returns the hash of exactly this attribute.
    fn hash(self, sub_type: &str, text: &str) -> anyhow::Result<Hash> {
        ensure!(sub_type != "ip", "with --type, SUB_TYPE is ipv4 or ipv6");
        let data = Scalar::try_from(&self.read(text)?)?;
        Ok(Attribute::checked(SubType::new(sub_type)?, data)?.hash())
    }

    fn read(self, text: &str) -> anyhow::Result<Value> {
        Ok(match self {
            Self::Str => Value::from(text),
            Self::Int => text
                .parse::<i64>()
                .map(Value::from)
                .context("VALUE is no int")?,
            Self::Float => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::from(number),
                _ => bail!("VALUE is no float"),
            },
            Self::Bool => text
                .parse::<bool>()
                .map(Value::from)
                .context("VALUE is no bool")?,
        })
    }
}

/// Returns Unix seconds as a number, and any other text as a date.
fn time(text: &str) -> Value {
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| seconds.is_finite());
    seconds.map_or_else(|| Value::from(text), Value::from)
}

/// Returns the name that the API uses.
fn name(choice: impl ValueEnum) -> Value {
    let value = choice.to_possible_value();
    value.map_or(Value::Null, |value| Value::from(value.get_name()))
}
