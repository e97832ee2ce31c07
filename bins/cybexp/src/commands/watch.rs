//! `cybexp watch`: new events as they come in, and subscriptions.

mod live;

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use cybexp_client::Client;
use cybexp_filters::vocabulary;
use cybexp_service::Config;
use cybexp_term::{self as term, DIM, GREEN};
use serde_json::{Map, Value, json};

use super::api::ApiArgs;
use super::usage::Usage;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct WatchArgs {
    #[command(subcommand)]
    action: Option<WatchCommand>,
    /// A value to be told of, with --type if its type cannot be guessed; without it and without conditions, new events are
    /// shown as they come in
    #[arg(allow_negative_numbers = true)]
    value: Option<String>,
    /// The type of the value: ipv4, hostname, url, sha256, …
    #[arg(long = "type", value_name = "SUB_TYPE", requires = "value")]
    of_type: Option<String>,
    /// Be told of values that come into this feed, and of those that leave it
    #[arg(long, value_name = "NAME", conflicts_with_all = ["value", "sub_type", "category", "sensor"])]
    feed: Option<String>,
    /// Be told of new events of this type, such as ssh
    #[arg(long, value_name = "SUB_TYPE", conflicts_with = "value")]
    sub_type: Option<String>,
    /// Be told of new events of this category: malicious, benign or unknown
    #[arg(long, conflicts_with = "value")]
    category: Option<String>,
    /// Be told of new events of this sensor
    #[arg(long, conflicts_with = "value")]
    sensor: Option<String>,
    /// Be told by a POST to this URL
    #[arg(long, value_name = "URL", conflicts_with = "mail")]
    webhook: Option<String>,
    /// Be told by mail to your own address; without this and --webhook, notices are listed (`cybexp watch notices`)
    #[arg(long)]
    mail: bool,
    /// The strictest TLP label of what may leave by webhook or mail
    #[arg(long, default_value = "green")]
    tlp: String,
    /// A name for the subscription
    #[arg(long, default_value = "")]
    name: String,
    /// Print JSON, one event a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Subcommand)]
pub(crate) enum WatchCommand {
    /// List your subscriptions
    List(ListArgs),
    /// Remove a subscription
    Remove {
        /// Its id
        id: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// List the last notices of subscriptions that are told by no other way
    Notices(ListArgs),
    /// List notices that could not be delivered, and why
    Parked(ListArgs),
    /// Have notices delivered again that could not be delivered
    Retry {
        /// The id of one [default: all]
        id: Option<String>,
        #[command(flatten)]
        api: ApiArgs,
    },
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

pub(super) async fn run(args: WatchArgs, config: &Config) -> anyhow::Result<ExitCode> {
    match args.action {
        None => match wanted(&args)? {
            Some(wanted) => add(&args, wanted, config).await?,
            None => live::show(&args.api.client(config).await?, args.json).await?,
        },
        Some(WatchCommand::List(list)) => {
            show(list, config, "subscriptions", subscriptions).await?
        }
        Some(WatchCommand::Notices(list)) => {
            show(list, config, "subscriptions/notices", notices).await?;
        }
        Some(WatchCommand::Parked(list)) => {
            show(list, config, "subscriptions/parked", parked).await?;
        }
        Some(WatchCommand::Remove { id, api }) => {
            let client = api.client(config).await?;
            // what is no id would be part of another path
            if !id.chars().all(|c| c.is_ascii_alphanumeric()) {
                bail!(Usage(format!("{id:?} is not the id of a subscription")));
            }
            told(&client.delete(&format!("subscriptions/{id}")).await?);
        }
        Some(WatchCommand::Retry { id, api }) => {
            let client = api.client(config).await?;
            let answer = client
                .post("subscriptions/retry", &json!({"id": id}))
                .await?;
            told(&answer);
            anstream::println!("{} notices", answer["notices"]);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns what is to be told of, as the API takes it; `None` if the command names nothing.
fn wanted(args: &WatchArgs) -> anyhow::Result<Option<Value>> {
    if let Some(value) = &args.value {
        let sub_type = match &args.of_type {
            Some(sub_type) => sub_type.clone(),
            None => vocabulary::guess(value).to_string(),
        };
        return Ok(Some(
            json!({"value": {"sub_type": sub_type, "data": value}}),
        ));
    }
    if let Some(feed) = &args.feed {
        return Ok(Some(json!({"feed": feed})));
    }
    let mut events = Map::new();
    for (field, given) in [
        ("sub_type", &args.sub_type),
        ("category", &args.category),
        ("sensor", &args.sensor),
    ] {
        if let Some(given) = given {
            events.insert(field.to_owned(), given.as_str().into());
        }
    }
    if !events.is_empty() {
        return Ok(Some(json!({"events": events})));
    }
    if args.webhook.is_some() || args.mail {
        bail!(Usage(
            "nothing is named to be told of: a value, --feed, --sub-type, --category or --sensor"
                .to_owned()
        ));
    }
    Ok(None)
}

async fn add(args: &WatchArgs, mut request: Value, config: &Config) -> anyhow::Result<()> {
    let client = args.api.client(config).await?;
    request["name"] = args.name.as_str().into();
    request["tlp"] = args.tlp.as_str().into();
    match (&args.webhook, args.mail) {
        (Some(url), _) => {
            request["channel"] = "webhook".into();
            request["url"] = url.as_str().into();
        }
        (None, true) => request["channel"] = "mail".into(),
        (None, false) => request["channel"] = "page".into(),
    }
    let answer = client.post("subscriptions", &request).await?;
    if args.json {
        anstream::println!("{}", term::json(&answer));
        return Ok(());
    }
    told(&answer);
    let subscription = &answer["subscription"];
    anstream::println!("{}", term::line(text(&subscription["id"])));
    if let Some(secret) = subscription["secret"].as_str() {
        anstream::println!("secret: {}", term::line(secret));
        anstream::eprintln!(
            "{DIM}Deliveries are signed with it (OPERATIONS, \"Being told\").{DIM:#}"
        );
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn told(answer: &Value) {
    let message = term::line(text(&answer["message"]));
    anstream::eprintln!("{GREEN}✓{GREEN:#} {message}");
}

async fn show(
    list: ListArgs,
    config: &Config,
    path: &str,
    shown: fn(&Value),
) -> anyhow::Result<()> {
    let client: Client = list.api.client(config).await?;
    let answer = client.get(path).await?;
    match list.json {
        true => anstream::println!("{}", term::json(&answer)),
        false => shown(&answer),
    }
    Ok(())
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn subscriptions(all: &Value) {
    let mut table = term::table(&["id", "told of", "by", "name"]);
    for one in each(all) {
        let by = match one["url"].as_str() {
            Some(url) => url.to_owned(),
            None => text(&one["channel"]).to_owned(),
        };
        table.add_row([
            term::short(text(&one["id"])),
            term::short(&of(one)),
            term::short(&by),
            term::short(text(&one["name"])),
        ]);
    }
    anstream::println!("{table}");
}

/// Returns in words what a subscription is about.
fn of(one: &Value) -> String {
    if let Some(feed) = one["feed"].as_str() {
        return format!("feed {feed}");
    }
    if one["value"].is_object() {
        return named(&one["value"]);
    }
    let events = &one["events"];
    let conditions = ["category", "sub_type", "sensor"];
    let conditions = conditions.iter().filter_map(|field| {
        let value = events[field].as_str()?;
        Some(match *field {
            "sensor" => format!("of {value}"),
            _ => value.to_owned(),
        })
    });
    format!("events {}", conditions.collect::<Vec<_>>().join(" "))
}

fn named(value: &Value) -> String {
    let data = match value["data"].as_str() {
        Some(text) => text.to_owned(),
        None => value["data"].to_string(),
    };
    format!("{} {data}", text(&value["sub_type"]))
}

/// Returns in words what a notice tells.
fn news(told: &Value) -> String {
    if let Some(feed) = told["feed"]["name"].as_str() {
        let moved = match told["change"].as_str() {
            Some("left") => "left",
            _ => "came into",
        };
        return format!("{} {moved} {feed}", named(&told["value"]));
    }
    let event = &told["event"];
    let values: Vec<String> = each(&event["values"]).map(named).collect();
    format!("{} {}", text(&event["sub_type"]), values.join(", "))
}

fn notices(all: &Value) {
    let mut table = term::table(&["at", "notice"]);
    for one in each(all) {
        let at = term::time(one["at"].as_f64().unwrap_or_default());
        table.add_row([at, term::short(&news(&one["told"]))]);
    }
    anstream::println!("{table}");
}

fn parked(all: &Value) {
    let mut table = term::table(&["at", "notice", "tries", "reason"]);
    for one in each(all) {
        table.add_row([
            term::time(one["at"].as_f64().unwrap_or_default()),
            term::short(&news(&one["told"])),
            one["tries"].to_string(),
            term::short(text(&one["error"])),
        ]);
    }
    anstream::println!("{table}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_and_subscriptions_are_told_in_words() {
        let value = json!({"sub_type": "ipv4", "data": "203.0.113.9"});
        assert_eq!(of(&json!({"value": value})), "ipv4 203.0.113.9");
        assert_eq!(of(&json!({"feed": "bad"})), "feed bad");
        let events =
            json!({"events": {"sub_type": "ssh", "category": "malicious", "sensor": "london"}});
        assert_eq!(of(&events), "events malicious ssh of london");
        let told = json!({"event": {"sub_type": "ssh", "values": [value]}});
        assert_eq!(news(&told), "ssh ipv4 203.0.113.9");
        let told = json!({"feed": {"name": "bad"}, "value": value});
        assert_eq!(news(&told), "ipv4 203.0.113.9 came into bad");
        let told = json!({"feed": {"name": "bad"}, "change": "left", "value": value});
        assert_eq!(news(&told), "ipv4 203.0.113.9 left bad");
    }
}
