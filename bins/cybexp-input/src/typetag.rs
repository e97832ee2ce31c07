//! The warning that no filter reads the typetag of an input.

pub use cybexp_filters::known_typetags as known;
use cybexp_filters::unread_typetag;
use cybexp_service::config::InputSpec;

/// Says that no filter reads what this input is to post, with the typetag that may be meant. `None`: one does, or the
/// configuration says that none need to.
pub(crate) fn unread(input: &InputSpec) -> Option<String> {
    if input.any_typetag {
        return None;
    }
    let typetag = input.typetag.as_str();
    let unread = unread_typetag(typetag)?;
    let meant = match unread.nearest {
        Some(meant) => format!("did you mean `{meant}`? "),
        None => String::new(),
    };
    Some(format!(
        "no filter reads the typetag `{typetag}`, so nothing is made of what is posted: {meant}filters read {}; with \
         \"any_typetag\": true it is kept for one to come",
        known().join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_typetag_that_no_filter_reads_is_told_unless_it_is_meant() {
        let of = |typetag: &str, any: bool| {
            let input = json!({
                "name": "london", "plugin": "file", "typetag": typetag, "any_typetag": any, "orgid": "unr",
            });
            unread(&serde_json::from_value(input).unwrap())
        };
        for typetag in known() {
            assert_eq!(of(typetag, false), None);
        }
        assert!(
            of("cowrei", false)
                .unwrap()
                .contains("did you mean `cowrie`?")
        );
        assert!(!of("zeek_conn", false).unwrap().contains("did you mean"));
        assert_eq!(of("zeek_conn", true), None);
    }
}
