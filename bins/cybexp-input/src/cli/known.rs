//! The check that the inputs which a command names are configured.

use cybexp_service::Config;

use crate::select::Select;

/// Names that the configuration does not have are wrong usage, whatever a daemon thinks.
pub(super) fn known(select: &Select, config: &Config) -> anyhow::Result<()> {
    match select.of(&config.input.inputs) {
        Ok(_) => Ok(()),
        Err(reason) => Err(config.invalid("input.inputs", reason).into()),
    }
}
