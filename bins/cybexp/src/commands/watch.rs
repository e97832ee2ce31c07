//! `cybexp watch`: new events as they come in, and subscriptions.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use cybexp_client::{Client, LiveEvents};
use cybexp_filters::vocabulary;
use cybexp_service::Config;
use cybexp_term::{self as term, BOLD, CYAN, DIM, GREEN, RED, YELLOW};
use serde_json::{Map, Value, json};

use super::api::ApiArgs;
use super::usage::Usage;

/// The most bytes of the stream that may wait for their end of line.
const LINE_BYTES: usize = 1 << 20;

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
    /// Be told of values that come into this feed
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
            None => live(&args, config).await?,
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
        return format!("{} came into {feed}", named(&told["value"]));
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

/// Shows new events as they come in, until the API ends the stream.
async fn live(args: &WatchArgs, config: &Config) -> anyhow::Result<()> {
    let client = args.api.client(config).await?;
    let mut events = client.live(None).await?;
    if !args.json {
        anstream::eprintln!("{DIM}new events as they come in; Ctrl-C ends{DIM:#}");
    }
    let mut lines = Lines::default();
    while let Some(line) = lines.next(&mut events).await {
        if let Some(kind) = line.strip_prefix("event:") {
            lines.kind = kind.trim().to_owned();
        } else if let Some(data) = line.strip_prefix("data:")
            && let Ok(data) = serde_json::from_str::<Value>(data)
        {
            match args.json {
                true => anstream::println!("{}", json!({"kind": lines.kind, "data": data})),
                false => anstream::println!("{}", row(&lines.kind, &data)),
            }
        }
    }
    anstream::eprintln!("{DIM}the API ended the stream{DIM:#}");
    Ok(())
}

/// The lines of a stream of events.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    kind: String,
}

impl Lines {
    async fn next(&mut self, events: &mut LiveEvents) -> Option<String> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let rest = self.bytes.split_off(end + 1);
                let line = std::mem::replace(&mut self.bytes, rest);
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let piece = events.piece().await?;
            if self.bytes.len() + piece.len() > LINE_BYTES {
                return None;
            }
            self.bytes.extend(piece);
        }
    }
}

/// Returns the line of an event.
fn row(kind: &str, data: &Value) -> String {
    let event = &data["event"];
    match kind {
        "gap" => {
            let since = term::time(data["since"].as_f64().unwrap_or_default());
            format!("{YELLOW}events since {since} were not shown{YELLOW:#}")
        }
        "more" => format!("{DIM}and {} more{DIM:#}", data["more"]),
        _ => {
            let at = term::time(event["timestamp"].as_f64().unwrap_or_default());
            let sub_type = term::short(text(&event["sub_type"]));
            let mark = match text(&event["category"]) {
                "malicious" => format!("{RED}●{RED:#}"),
                "benign" => format!("{GREEN}●{GREEN:#}"),
                _ => format!("{DIM}●{DIM:#}"),
            };
            let values = each(&event["values"]).map(|value| {
                let data = term::value(&value["data"]);
                format!("{CYAN}{data}{CYAN:#}")
            });
            let values: Vec<String> = values.collect();
            let room = format!("{DIM}{at}{DIM:#} {mark} {BOLD}{sub_type}{BOLD:#}");
            format!("{room} {}", values.join("  "))
        }
    }
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
    }

    #[test]
    fn what_attackers_wrote_does_not_act_on_the_terminal() {
        let value = json!({"sub_type": "shell_command", "data": "\u{1b}[2J\r\n"});
        let event = json!({"event": {"sub_type": "ssh", "timestamp": 5.0, "values": [value]}});
        let row = row("news", &event);
        assert!(!row.contains("\u{1b}[2J") && !row.contains('\r'), "{row:?}");
    }
}
