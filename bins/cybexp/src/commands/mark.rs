//! `cybexp mark`: judgements of an organisation, through the API.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use cybexp_client::Client;
use cybexp_filters::vocabulary;
use cybexp_service::Config;
use cybexp_term::{self as term, DIM, GREEN, YELLOW};
use serde_json::{Map, Value, json};
use tahoe_core::{Category, Hash, Org, Verdict};

use super::api::ApiArgs;
use super::named::SuggestedNames;
use super::usage::Usage;

/// The longest wait until answers show a verdict.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Subcommand)]
pub(crate) enum MarkCommand {
    /// Give the organisation's verdict on a value, in place of the one before
    Value {
        #[command(flatten)]
        subject: Subject,
        /// The verdict: a false positive was reported as malicious, and is not
        #[arg(value_parser = verdicts())]
        verdict: String,
        /// The reason, for whoever sees the verdict
        #[arg(long, short, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        judge: Judge,
    },
    /// Take back the organisation's verdict on a value
    Withdraw {
        #[command(flatten)]
        subject: Subject,
        /// The reason
        #[arg(long, short, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        judge: Judge,
    },
    /// Set the category of an event, and the contexts of values in it
    Event {
        /// The hash of the event
        #[arg(value_name = "HASH")]
        event: Hash,
        /// The category of the event
        #[arg(long, value_parser = categories())]
        category: Option<String>,
        /// Values that are malicious in this event, each as SUB_TYPE=VALUE or the hash of an attribute or object
        #[arg(long, value_name = "VALUE")]
        malicious: Vec<String>,
        /// Values that are benign in this event
        #[arg(long, value_name = "VALUE")]
        benign: Vec<String>,
        /// Values that are neither in this event
        #[arg(long, value_name = "VALUE")]
        unknown: Vec<String>,
        /// The reason
        #[arg(long, short, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        judge: Judge,
    },
}

/// The value that is judged.
#[derive(clap::Args)]
pub(crate) struct Subject {
    /// The sub_type of the value, such as `url`; `ip` stands for `ipv4` or `ipv6`
    #[arg(value_parser = SuggestedNames(sub_types), hide_possible_values = true)]
    sub_type: String,
    /// The value, in any spelling
    #[arg(allow_negative_numbers = true)]
    value: String,
}

/// The organisation that judges.
#[derive(clap::Args)]
pub(crate) struct Judge {
    /// The organisation that judges: its name or hash; the token's user must be one of its admins
    #[arg(long, short)]
    org: String,
    #[command(flatten)]
    api: ApiArgs,
}

fn verdicts() -> PossibleValuesParser {
    PossibleValuesParser::new(Verdict::GIVEN.map(Verdict::as_str))
}

fn categories() -> PossibleValuesParser {
    let all = [Category::Malicious, Category::Benign, Category::Unknown];
    PossibleValuesParser::new(all.map(Category::as_str))
}

fn sub_types() -> Vec<&'static str> {
    let names = vocabulary::ATTRIBUTES.iter().copied();
    names.chain(["ip"]).collect()
}

pub(super) async fn run(action: MarkCommand, config: &Config) -> anyhow::Result<ExitCode> {
    match action {
        MarkCommand::Value {
            subject,
            verdict,
            reason,
            judge,
        } => {
            let more = json!({"verdict": verdict, "reason": reason});
            subject.judge(config, &judge, "verdict", more).await?;
        }
        MarkCommand::Withdraw {
            subject,
            reason,
            judge,
        } => {
            let more = json!({"reason": reason});
            let path = "verdict/withdraw";
            subject.judge(config, &judge, path, more).await?;
        }
        MarkCommand::Event {
            event,
            category,
            malicious,
            benign,
            unknown,
            reason,
            judge,
        } => {
            let mut context = Vec::new();
            for (values, name) in [
                (&malicious, Category::Malicious),
                (&benign, Category::Benign),
                (&unknown, Category::Unknown),
            ] {
                for value in values {
                    context.push(named(value, name)?);
                }
            }
            if category.is_none() && context.is_empty() {
                bail!(Usage(
                    "give --category, or values with --malicious, --benign or --unknown".to_owned()
                ));
            }
            let fields = json!({
                "_hash": event, "category": category, "context": context, "reason": reason,
            });
            let client = judge.api.client(config).await?;
            judge.post(&client, "event/category", fields).await?;
            told(
                "the judgement is stored, and takes effect at once; if there is no such event, it shows in `cybexp quarantine list`",
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the context of an instance that is given as SUB_TYPE=VALUE, or as a hash.
fn named(text: &str, context: Category) -> anyhow::Result<Value> {
    if let Ok(hash) = text.parse::<Hash>() {
        return Ok(json!({"_hash": hash, "context": context}));
    }
    match text.split_once('=') {
        Some((sub_type, data)) => {
            Ok(json!({"sub_type": sub_type, "data": data, "context": context}))
        }
        None => bail!(Usage(format!(
            "{text}: give SUB_TYPE=VALUE, or the hash of an attribute or object"
        ))),
    }
}

impl Judge {
    fn org(&self) -> Hash {
        Org::hash_named(&self.org)
    }

    /// Posts a judgement, and returns its time.
    async fn post(&self, client: &Client, path: &str, mut fields: Value) -> anyhow::Result<f64> {
        fields["orgid"] = json!(self.org());
        let taken = client.post(path, &fields).await?;
        Ok(taken["timestamp"].as_f64().unwrap_or_default())
    }
}

impl Subject {
    /// Posts a judgement of the value, and waits until answers show it.
    async fn judge(
        &self,
        config: &Config,
        judge: &Judge,
        path: &str,
        more: Value,
    ) -> anyhow::Result<()> {
        let mut fields = Map::new();
        fields.insert("sub_type".to_owned(), json!(self.sub_type));
        fields.insert("data".to_owned(), json!(self.value));
        let question = Value::Object(fields.clone());
        fields.extend(more.as_object().cloned().unwrap_or_default());
        let client = judge.api.client(config).await?;
        let since = Instant::now();
        let at = judge.post(&client, path, Value::Object(fields)).await?;
        let value = format!(
            "{} {}",
            term::short(&self.sub_type),
            term::short(&self.value)
        );
        while since.elapsed() < PATIENCE {
            if let Some(report) = client.query("count", &question, false).await?
                && let Some(verdict) = standing(&report, judge.org(), at, path != "verdict")
            {
                told(&format!("{value} {verdict}"));
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        let waits = format!(
            "it is stored, but answers do not show it yet: do archive and analytics run, and may the token's user see \
             the events of {}?",
            judge.org
        );
        anstream::eprintln!(
            "{YELLOW}!{YELLOW:#} {DIM}{}{DIM:#}",
            term::wrapped(&waits, 2, 2)
        );
        Ok(())
    }
}

/// Says what a report shows of the organisation's verdict, once the judgement of this time is applied: a verdict as new as
/// that, or none after a withdrawal.
fn standing(report: &Value, org: Hash, at: f64, withdrawn: bool) -> Option<String> {
    let verdicts = report["verdicts"].as_array();
    let mut ours = verdicts.into_iter().flatten();
    match ours.find(|one| one["orgid"] == org.to_string()) {
        Some(ours) => {
            let is_new = ours["timestamp"].as_f64() >= Some(at);
            is_new.then(|| format!("is {} now", term::value(&ours["verdict"])))
        }
        None => withdrawn.then(|| "has no verdict now".to_owned()),
    }
}

fn told(text: &str) {
    anstream::eprintln!("{GREEN}✓{GREEN:#} {}", term::wrapped(text, 2, 2));
}
