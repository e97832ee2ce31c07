//! The check of `--typetag` before data is submitted.

use anyhow::bail;
use cybexp_filters::{is_reserved, known_typetags, unread_typetag};

use super::usage::Usage;

/// Fails for a typetag under which only the API submits.
pub(super) fn check_free(typetag: &str) -> anyhow::Result<()> {
    match is_reserved(typetag) {
        true => bail!(Usage(format!(
            "--typetag {typetag}: it is reserved for judgements; `cybexp mark` makes them"
        ))),
        false => Ok(()),
    }
}

/// Fails for a typetag that no filter reads, and names the nearest one that a filter does read.
pub(super) fn check(typetag: &str) -> anyhow::Result<()> {
    let Some(unread) = unread_typetag(typetag) else {
        return Ok(());
    };
    let meant = match unread.nearest {
        Some(meant) => format!("did you mean {meant}? "),
        None => String::new(),
    };
    bail!(Usage(format!(
        "--typetag {typetag}: no filter reads that, so nothing would be made of the data; {meant}There are {}; \
         --any-typetag submits it for a filter to come",
        known_typetags().join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_typetag_is_told_with_the_nearest() {
        check("cowrie").unwrap();
        check_free("cowrie").unwrap();
        assert!(check_free("cybexp_verdict").unwrap_err().is::<Usage>());
        let told = check("cowrei").unwrap_err();
        assert!(
            told.is::<Usage>() && told.to_string().contains("did you mean cowrie?"),
            "{told}"
        );
        let told = check("zeek_conn").unwrap_err().to_string();
        assert!(
            !told.contains("did you mean") && told.contains("misp_event"),
            "{told}"
        );
    }
}
