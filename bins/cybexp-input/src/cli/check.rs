//! `cybexp-input check`: whether everything would work, without taking anything.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use comfy_table::{Cell, Color};
use cybexp_client::{Client, ClientError};
use cybexp_service::config::InputSpec;
use cybexp_service::{Config, EXIT_FAILED};
use cybexp_term as term;
use futures::future::join_all;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tahoe_core::{Org, SubType};

use super::known::known;
use super::out::say;
use crate::own_api;
use crate::plugin::{self, InputConfig};
use crate::select::Select;
use crate::typetag;

/// How long a source may take to show itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// The result of checking a source, or the API.
struct Finding {
    what: String,
    plugin: String,
    outcome: Result<String, String>,
}

pub(super) async fn run(
    config: &Config,
    select: &Select,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    known(select, config)?;
    let meant = select.of(&config.input.inputs).map_err(|e| anyhow!(e))?;
    let inputs = config
        .input
        .inputs
        .iter()
        .filter(|input| meant.contains(&input.name));
    let client = own_api::client(config)?;
    let api = api(config, &client).await;
    let orgs = api.as_ref().ok().map(|(_, orgs)| orgs.clone());
    let mut findings = vec![Finding {
        what: config.api.url.to_string(),
        plugin: "the API".to_owned(),
        outcome: api.map(|(told, _)| told).map_err(|e| term::told(&e)),
    }];
    let sources = inputs.map(async |input| Finding {
        what: input.name.clone(),
        plugin: input.plugin.clone(),
        outcome: source(config, input, orgs.as_deref())
            .await
            .map_err(|error| term::told(&error)),
    });
    findings.extend(join_all(sources).await);

    if as_json {
        let all = findings.iter().map(|finding| {
            json!({
                "name": finding.what,
                "plugin": finding.plugin,
                "ok": finding.outcome.is_ok(),
                "found": finding.outcome.as_ref().unwrap_or_else(|reason| reason),
            })
        });
        say(term::json(&Value::Array(all.collect())))?;
    } else {
        say(table(&findings))?;
    }
    let right = findings.iter().all(|finding| finding.outcome.is_ok());
    Ok(ExitCode::from(if right { 0 } else { EXIT_FAILED }))
}

/// The API, and the organisations that may be posted for.
async fn api(config: &Config, client: &Client) -> anyhow::Result<(String, Vec<String>)> {
    let brief = |error: ClientError| anyhow!(error.brief());
    client.ping().await.map_err(brief)?;
    if config.api_token()?.expose_secret().is_empty() {
        return Err(anyhow!(
            "it is there, but api.token of the configuration is empty: `cybexp token EMAIL` makes one"
        ));
    }
    let orgs = client.admin_of().await.map_err(brief)?;
    let told = format!(
        "there, and the token's user is an admin of {} organisations",
        orgs.len()
    );
    Ok((told, orgs))
}

async fn source(
    config: &Config,
    input: &InputSpec,
    orgs: Option<&[String]>,
) -> anyhow::Result<String> {
    SubType::new(&input.typetag).context("typetag")?;
    let given = InputConfig { input, config };
    let mut source = plugin::find_for(&given)?.open(&given)?;
    let found = tokio::time::timeout(PATIENCE, source.check())
        .await
        .map_err(|_| anyhow!("no answer within {} s", PATIENCE.as_secs()))??;
    let org = Org::hash_named(&input.orgid).to_string();
    let mut problems = Vec::new();
    if orgs.is_some_and(|orgs| !orgs.contains(&org)) {
        problems.push(format!(
            "the token's user is no admin of {}, as posting needs",
            input.orgid
        ));
    }
    problems.extend(typetag::unread(input));
    match problems.is_empty() {
        true => Ok(found),
        false => Err(anyhow!(
            "the source is well ({found}), but {}",
            problems.join("; and ")
        )),
    }
}

fn table(findings: &[Finding]) -> String {
    let mut table = term::table(&["what", "plugin", "", "found"]);
    for Finding {
        what,
        plugin,
        outcome,
    } in findings
    {
        let (mark, color, text) = match outcome {
            Ok(text) => ("✓", Color::Green, text),
            Err(text) => ("✗", Color::Red, text),
        };
        table.add_row([
            Cell::new(term::short(what)),
            Cell::new(plugin),
            Cell::new(mark).fg(color),
            Cell::new(term::line(text)),
        ]);
    }
    table.to_string()
}
