//! `cybexp-input list`: the plugins, for who writes a configuration.

use clap::Args;
use clap::builder::PossibleValuesParser;
use cybexp_term::{self as term, BOLD, DIM};
use serde_json::{Value, json};

use super::out::say;
use crate::plugin::{PLUGINS, Plugin};
use crate::typetag;

#[derive(Args)]
pub(super) struct ListArgs {
    /// Only these plugins
    #[arg(value_name = "PLUGIN", value_parser = names())]
    plugins: Vec<String>,
    /// The typetag of the examples
    #[arg(long, short, value_parser = PossibleValuesParser::new(typetag::known()))]
    typetag: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// The names of the plugins.
fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(PLUGINS.iter().map(|plugin| plugin.name()))
}

pub(super) fn show(args: &ListArgs) -> anyhow::Result<()> {
    let wanted = |plugin: &&&dyn Plugin| {
        args.plugins.is_empty() || args.plugins.iter().any(|name| name == plugin.name())
    };
    let plugins = PLUGINS.iter().filter(wanted).copied();
    let typetag = |plugin: &dyn Plugin| args.typetag.clone().unwrap_or(plugin.typetag().to_owned());
    if args.json {
        let all = plugins.map(|plugin| described(plugin, &typetag(plugin)));
        return say(term::json(&Value::Array(all.collect())));
    }
    for plugin in plugins {
        say(format!(
            "{BOLD}{}{BOLD:#}  {}",
            plugin.name(),
            plugin.about()
        ))?;
        let period = match plugin.period() {
            Some(period) => format!("asks every {} s, or every period_s", period.as_secs()),
            None => "listens all the time".to_owned(),
        };
        say(format!("  {DIM}{period}{DIM:#}"))?;
        for setting in plugin.settings() {
            let required = if setting.required { " (required)" } else { "" };
            say(format!(
                "  {:<11} {}{required}",
                setting.name, setting.about
            ))?;
        }
        say(format!(
            "  {DIM}{}{DIM:#}\n",
            example(plugin, &typetag(plugin))
        ))?;
    }
    say(format!(
        "filters read the typetags {}; \"any_typetag\": true of an input allows others",
        typetag::known().join(", ")
    ))
}

fn described(plugin: &dyn Plugin, typetag: &str) -> Value {
    let settings: Vec<Value> = plugin
        .settings()
        .iter()
        .map(|setting| {
            json!({"name": setting.name, "required": setting.required, "about": setting.about})
        })
        .collect();
    json!({
        "plugin": plugin.name(),
        "about": plugin.about(),
        "period_s": plugin.period().map(|period| period.as_secs()),
        "settings": settings,
        "example": example(plugin, typetag),
    })
}

/// One of `input.inputs`.
fn example(plugin: &dyn Plugin, typetag: &str) -> Value {
    json!({
        "name": format!("my-{}", plugin.name()),
        "plugin": plugin.name(),
        "typetag": typetag,
        "orgid": "unr",
        "timezone": "UTC",
        "settings": plugin.example(),
    })
}
