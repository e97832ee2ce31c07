//! Selecting inputs by name and plugin.

use std::collections::BTreeSet;

use clap::Args;
use clap::builder::PossibleValuesParser;
use cybexp_service::config::InputSpec;
use serde::{Deserialize, Serialize};

use crate::plugin::PLUGINS;

/// Inputs by name, and by plugin; without any, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Select {
    /// Only inputs of these plugins
    #[arg(long = "plugin", short = 'p', value_name = "PLUGIN", num_args = 1.., value_parser = known())]
    pub plugins: Vec<String>,
    /// Only inputs of these names
    #[arg(long = "name", short = 'n', value_name = "NAME", num_args = 1..)]
    pub names: Vec<String>,
}

fn known() -> PossibleValuesParser {
    PossibleValuesParser::new(PLUGINS.iter().map(|plugin| plugin.name()))
}

impl Select {
    /// Whether nothing was said: all are meant.
    pub fn is_all(&self) -> bool {
        self.plugins.is_empty() && self.names.is_empty()
    }

    /// The names of those that are meant: of all, when nothing was said.
    ///
    /// # Errors
    /// When a name or plugin fits no input.
    pub fn of<'a>(
        &self,
        inputs: impl IntoIterator<Item = &'a InputSpec>,
    ) -> Result<BTreeSet<String>, String> {
        let inputs: Vec<&InputSpec> = inputs.into_iter().collect();
        let all = || {
            let names: Vec<_> = inputs.iter().map(|input| input.name.as_str()).collect();
            match names.is_empty() {
                true => "the configuration has no inputs".to_owned(),
                false => format!("there are {}", names.join(", ")),
            }
        };
        for name in &self.names {
            if !inputs.iter().any(|input| input.name == *name) {
                return Err(format!("there is no input `{name}`; {}", all()));
            }
        }
        for plugin in &self.plugins {
            if !inputs.iter().any(|input| input.plugin == *plugin) {
                return Err(format!("there is no input of plugin `{plugin}`; {}", all()));
            }
        }
        let meant = inputs.iter().filter(|input| {
            (self.names.is_empty() || self.names.contains(&input.name))
                && (self.plugins.is_empty() || self.plugins.contains(&input.plugin))
        });
        Ok(meant.map(|input| input.name.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Vec<InputSpec> {
        let input = |name: &str, plugin: &str| {
            serde_json::from_value(serde_json::json!({
                "name": name, "plugin": plugin, "typetag": "cowrie", "orgid": "unr"
            }))
            .unwrap()
        };
        vec![
            input("london", "file"),
            input("oslo", "file"),
            input("feed", "http"),
        ]
    }

    fn of(plugins: &[&str], names: &[&str]) -> Result<Vec<String>, String> {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let select = Select {
            plugins: own(plugins),
            names: own(names),
        };
        select
            .of(&inputs())
            .map(|names| names.into_iter().collect())
    }

    #[test]
    fn by_name_and_by_plugin() {
        assert_eq!(of(&[], &[]).unwrap(), ["feed", "london", "oslo"]);
        assert_eq!(of(&["file"], &[]).unwrap(), ["london", "oslo"]);
        assert_eq!(of(&[], &["oslo", "feed"]).unwrap(), ["feed", "oslo"]);
        assert_eq!(of(&["file"], &["oslo", "feed"]).unwrap(), ["oslo"]);
    }

    #[test]
    fn what_there_is_not_is_named() {
        let error = of(&[], &["paris"]).unwrap_err();
        assert_eq!(
            error,
            "there is no input `paris`; there are london, oslo, feed"
        );
        assert!(of(&["syslog"], &[]).unwrap_err().contains("`syslog`"));
    }
}
