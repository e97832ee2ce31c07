//! Typetags: those that filters read, and what is said of others.

use anyhow::bail;
use cybexp_filters::FILTERS;
use tahoe_core::nearest;

use super::usage::Usage;

/// The typetags that filters read, in the order of the filters.
pub(super) fn known() -> Vec<&'static str> {
    let all = FILTERS.iter().flat_map(|filter| filter.typetags());
    all.copied().collect()
}

/// Fails for a typetag that no filter reads, with the nearest one that one does.
pub(super) fn check(typetag: &str) -> anyhow::Result<()> {
    let known = known();
    if known.contains(&typetag) {
        return Ok(());
    }
    let meant = match nearest(typetag, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant}? "),
        None => String::new(),
    };
    bail!(Usage(format!(
        "--typetag {typetag}: no filter reads that, so nothing would be made of the data; {meant}There are {}; \
         --any-typetag submits it for a filter to come",
        known.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_typetag_is_told_with_the_nearest() {
        check("cowrie").unwrap();
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
