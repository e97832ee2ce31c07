//! Inputs that the configuration has no more, and of which the spool still has something.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use cybexp_service::Config;

use cybexp_spool::{InputId, Spool};

/// The ids of inputs that the configuration has no more and the spool has.
///
/// # Errors
/// When one is in the configuration, or the spool has none of that name.
pub(crate) async fn left(
    spool: &Spool,
    config: &Config,
    names: &[String],
) -> anyhow::Result<BTreeMap<String, InputId>> {
    let mut known = spool.known().await?;
    let configured = |name: &str| config.input.inputs.iter().any(|input| input.name == name);
    if let Some(name) = names.iter().find(|name| configured(name)) {
        bail!(
            "`{name}` is an input of the configuration: what it has collected is posted; take it out of the configuration \
             first (and `cybexp-input restart`)"
        );
    }
    known.retain(|known| !configured(&known.name));
    let id = |name: &String| {
        let found = known.iter().find(|known| known.name == *name);
        let found = found.with_context(|| {
            let all: Vec<_> = known.iter().map(|known| known.name.as_str()).collect();
            match all.is_empty() {
                true => {
                    format!("there is no `{name}` in the spool, nor any other input that is gone")
                }
                false => format!(
                    "there is no `{name}` in the spool; gone are {}",
                    all.join(", ")
                ),
            }
        })?;
        Ok((name.clone(), found.id))
    };
    names.iter().map(id).collect()
}
