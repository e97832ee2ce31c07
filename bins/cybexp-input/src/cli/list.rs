//! `cybexp-input list`: the plugins, for who writes a configuration.

use cybexp_term::{self as term, BOLD, DIM};
use serde_json::{Value, json};

use crate::plugin::{PLUGINS, Plugin};

pub(super) fn show(as_json: bool) {
    if as_json {
        let all: Vec<Value> = PLUGINS.iter().map(|plugin| described(*plugin)).collect();
        anstream::println!("{}", term::json(&Value::Array(all)));
        return;
    }
    for plugin in PLUGINS {
        anstream::println!("{BOLD}{}{BOLD:#}  {}", plugin.name(), plugin.about());
        let period = match plugin.period() {
            Some(period) => format!("asks every {} s, or every period_s", period.as_secs()),
            None => "listens all the time".to_owned(),
        };
        anstream::println!("  {DIM}{period}{DIM:#}");
        for setting in plugin.settings() {
            let required = if setting.required { " (required)" } else { "" };
            anstream::println!("  {:<11} {}{required}", setting.name, setting.about);
        }
        anstream::println!("  {DIM}{}{DIM:#}\n", example(*plugin));
    }
}

fn described(plugin: &dyn Plugin) -> Value {
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
        "example": example(plugin),
    })
}

/// One of `input.inputs`.
fn example(plugin: &dyn Plugin) -> Value {
    json!({
        "name": format!("my-{}", plugin.name()),
        "plugin": plugin.name(),
        "typetag": plugin.typetag(),
        "orgid": "unr",
        "timezone": "UTC",
        "settings": plugin.example(),
    })
}
