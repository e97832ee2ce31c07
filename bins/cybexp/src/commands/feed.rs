//! `cybexp feed`: named selections of values, which others read by URL.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use cybexp_client::Client;
use cybexp_service::Config;
use cybexp_term::{self as term, GREEN};
use serde_json::{Value, json};
use tahoe_core::Org;

use super::api::ApiArgs;

#[derive(Subcommand)]
pub(crate) enum FeedCommand {
    /// Add a feed, and print the token with which it is read
    Add(Box<AddArgs>),
    /// List the feeds of the organisations of which the token's user is an admin
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Show a feed, with the URLs of its files
    Show {
        /// The feed's name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Give a feed a new token, which ends the one before
    Token(OneFeed),
    /// Remove a feed and its values
    Remove(OneFeed),
}

#[derive(clap::Args)]
pub(crate) struct AddArgs {
    /// The feed's name: a letter, then letters, digits, - and _, in lower case
    name: String,
    /// An organisation from whose events the feed is made, by name or hash; the first one shares it
    #[arg(long = "org", required = true, value_name = "ORG")]
    orgs: Vec<String>,
    /// A type of its values: ipv4, hostname, url, sha256, …
    #[arg(long = "type", required = true, value_name = "SUB_TYPE")]
    sub_types: Vec<String>,
    /// A description for people
    #[arg(long, default_value = "")]
    description: String,
    /// The context of the values in their events: malicious, benign, unknown or all
    #[arg(long, default_value = "malicious")]
    context: String,
    /// The category of the events: malicious, benign or unknown
    #[arg(long)]
    category: Option<String>,
    /// The least number of events of a value
    #[arg(long, default_value_t = 1)]
    min_count: i64,
    /// How long a value stays after its last event: a number and a unit, as in 30d
    #[arg(long, default_value = "30d", value_parser = seconds)]
    keep: i64,
    /// The TLP label, clear, green, amber, amber+strict or red: what is stricter does not leave in the feed
    #[arg(long, default_value = "green")]
    tlp: String,
    /// Tell the reason and the date of each value, in formats with comments
    #[arg(long)]
    comments: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(clap::Args)]
pub(crate) struct OneFeed {
    /// The feed's name
    name: String,
    #[command(flatten)]
    api: ApiArgs,
}

/// Reads a span of time, in whole seconds.
fn seconds(text: &str) -> Result<i64, String> {
    let seconds = tahoe_core::time::parse_last(text).map_err(|error| error.to_string())?;
    Ok(seconds as i64)
}

pub(super) async fn run(action: FeedCommand, config: &Config) -> anyhow::Result<ExitCode> {
    match action {
        FeedCommand::Add(args) => add(*args, config).await?,
        FeedCommand::List { json, api } => {
            let client = api.client(config).await?;
            let feeds = client.get("feeds").await?;
            match json {
                true => anstream::println!("{}", term::json(&feeds)),
                false => table(&feeds),
            }
        }
        FeedCommand::Show { name, json, api } => {
            let client = api.client(config).await?;
            let feeds = client.get("feeds").await?;
            let mut feeds = feeds.as_array().into_iter().flatten();
            let Some(feed) = feeds.find(|feed| feed["name"] == name.as_str()) else {
                bail!("there is no feed {name} of an organisation of which you are an admin");
            };
            match json {
                true => anstream::println!("{}", term::json(feed)),
                false => show(feed, &client),
            }
        }
        FeedCommand::Token(one) => {
            let client = one.api.client(config).await?;
            let answer = client
                .post("feeds/token", &json!({"name": one.name}))
                .await?;
            told(&answer);
            anstream::println!("{}", term::line(text(&answer["token"])));
        }
        FeedCommand::Remove(one) => {
            let client = one.api.client(config).await?;
            told(
                &client
                    .post("feeds/remove", &json!({"name": one.name}))
                    .await?,
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(args: AddArgs, config: &Config) -> anyhow::Result<()> {
    let client = args.api.client(config).await?;
    let orgs: Vec<String> = args
        .orgs
        .iter()
        .map(|org| Org::hash_named(org).to_string())
        .collect();
    let mut feed = json!({
        "name": args.name, "description": args.description, "orgs": orgs, "sub_types": args.sub_types,
        "context": args.context, "min_count": args.min_count, "keep_s": args.keep, "tlp": args.tlp,
        "comments": args.comments,
    });
    if let Some(category) = args.category {
        feed["category"] = category.into();
    }
    let answer = client.post("feeds", &feed).await?;
    if args.json {
        anstream::println!("{}", term::json(&answer));
        return Ok(());
    }
    told(&answer);
    show(&answer["feed"], &client);
    anstream::println!("token: {}", term::line(text(&answer["token"])));
    anstream::eprintln!(
        "The token is shown once. It is sent as `Authorization: Bearer …`, as the password of basic authentication, \
         or in the URL as ?token=…"
    );
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn told(answer: &Value) {
    let message = term::line(text(&answer["message"]));
    anstream::eprintln!("{GREEN}✓{GREEN:#} {message}");
}

fn list(values: &Value) -> String {
    let values = values.as_array().into_iter().flatten();
    values.map(text).collect::<Vec<_>>().join(", ")
}

fn state(feed: &Value) -> &str {
    match (feed["suspended"].as_str(), feed["whole"].as_bool()) {
        (Some(_), _) => "suspended",
        (None, Some(true)) => "kept",
        _ => "searching",
    }
}

fn table(feeds: &Value) {
    let mut table = term::table(&[
        "name",
        "types",
        "values",
        "change",
        "tlp",
        "state",
        "organisation",
    ]);
    for feed in feeds.as_array().into_iter().flatten() {
        table.add_row([
            term::short(text(&feed["name"])),
            term::short(&list(&feed["sub_types"])),
            term::short(&feed["values"].to_string()),
            term::short(&feed["seq"].to_string()),
            term::short(text(&feed["tlp"])),
            term::short(state(feed)),
            term::short(text(&feed["organisation"])),
        ]);
    }
    anstream::println!("{table}");
}

fn show(feed: &Value, client: &Client) {
    let mut table = term::table(&["field", "value"]);
    for field in [
        "name",
        "description",
        "organisation",
        "context",
        "category",
        "tlp",
        "suspended",
    ] {
        if let Some(value) = feed[field].as_str().filter(|value| !value.is_empty()) {
            table.add_row([term::short(field), term::short(value)]);
        }
    }
    table.add_row([term::short("types"), term::short(&list(&feed["sub_types"]))]);
    for field in ["min_count", "keep_s", "values", "seq"] {
        table.add_row([term::short(field), term::short(&feed[field].to_string())]);
    }
    table.add_row([term::short("state"), term::short(state(feed))]);
    anstream::println!("{table}");
    let base = client.base().as_str().trim_end_matches('/');
    for file in feed["files"].as_array().into_iter().flatten() {
        anstream::println!("{}{}", term::line(base), term::line(text(file)));
    }
}
