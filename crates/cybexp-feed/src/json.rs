//! The elements of a list in a JSON document, one by one.
//!
//! serde_json would read a whole element, however long it is, before it could be asked whether it is too long; this reader
//! looks for the ends of elements only, keeps one at a time up to a limit, and leaves it to serde_json to check it.

mod document;
mod kept;
mod named;
pub(crate) mod place;
pub(crate) mod plan;
mod reader;

use std::io::BufRead;

use serde_json::value::RawValue;

use self::document::Document;
use self::plan::{Beside, ListPlan};
use crate::piece::FeedPiece;
use crate::pieces::Gone;

/// Hands out the elements of the list, with their length; one that has more than `max` bytes, or is no JSON, is left out. The
/// whole document is read, so that one that was cut off is not taken for a shorter one.
///
/// # Errors
/// When the document ends early, is no JSON around the list, or has no list there.
pub(crate) fn split(
    input: impl BufRead,
    plan: &ListPlan,
    max: usize,
    out: impl FnMut(FeedPiece<Box<RawValue>>, usize) -> Result<(), Gone>,
) -> anyhow::Result<Beside> {
    let mut document = Document::new(plan, max, out);
    document.all(input)?;
    Ok(document.beside)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use serde_json::Value;

    use super::place::JsonPath;
    use super::*;

    fn all(
        text: &[u8],
        place: &ListPlan,
        buffer: usize,
    ) -> anyhow::Result<Vec<Result<String, String>>> {
        let mut all = Vec::new();
        split(
            BufReader::with_capacity(buffer, text),
            place,
            30,
            |piece, _| {
                all.push(match piece {
                    FeedPiece::Good(value) => Ok(value.get().to_owned()),
                    FeedPiece::Left(why) => Err(why),
                });
                Ok(())
            },
        )?;
        Ok(all)
    }

    #[track_caller]
    fn good(text: &str, place: &ListPlan, expected: &[&str]) {
        for buffer in [1, 2, 7, 1000] {
            let all: Result<Vec<String>, String> = all(text.as_bytes(), place, buffer)
                .unwrap()
                .into_iter()
                .collect();
            assert_eq!(all.unwrap(), expected, "{text}");
        }
    }

    #[track_caller]
    fn bad(text: &str, place: &ListPlan, error: &str) {
        for buffer in [1, 1000] {
            let found = all(text.as_bytes(), place, buffer).unwrap_err().to_string();
            assert_eq!(found, error, "{text}");
        }
    }

    #[test]
    fn elements_as_they_were_sent() {
        let top = ListPlan::list(".");
        good("[]", &top, &[]);
        good(" [ ] \n", &top, &[]);
        good("\u{feff}[1]", &top, &["1"]);
        let text = r#"[1 ,-2.5e3,true,null, "a,]\"}\\" , {"b": [1, {"]": 2}]},[ [] ,{}]]"#;
        let expected = [
            "1",
            "-2.5e3",
            "true",
            "null",
            r#""a,]\"}\\""#,
            r#"{"b": [1, {"]": 2}]}"#,
            "[ [] ,{}]",
        ];
        good(text, &top, &expected);
    }

    #[test]
    fn a_list_inside() {
        let place = ListPlan::list("data.list");
        let text = r#"{"list": [0], "x": {"data": 1}, "data": {"a": "}", "l\u0069st": [7, {}], "z": [9]}, "data": 3}"#;
        good(text, &place, &["7", "{}"]);
        bad(
            r#"{"data": {}}"#,
            &place,
            "there is no data.list in the answer",
        );
        bad(
            r#"{"data": [1]}"#,
            &place,
            "data is a list, so there is no data.list",
        );
        bad(r#"{"data": {"list": {}}}"#, &place, "data.list is no list");
        let place = ListPlan::list("response").or_top();
        good(r#"{"response": [1]}"#, &place, &["1"]);
        good("[1]", &place, &["1"]);
        bad(
            "5",
            &place,
            "the document is no object, so there is no response",
        );
    }

    #[test]
    fn a_document_that_is_cut_off_is_an_error_wherever_it_is() {
        let text = r#"{"a": [1, "b"], "data": {"list": [{"c": 1}, 2 ], "d": null}, "e": "f"}"#;
        let place = ListPlan::list("data.list");
        for cut in 0..text.len() {
            let error = all(&text.as_bytes()[..cut], &place, 1000).unwrap_err();
            assert!(error.to_string().contains("ends early"), "{cut}: {error}");
        }
        good(text, &place, &[r#"{"c": 1}"#, "2"]);
    }

    #[test]
    fn what_is_no_json() {
        let top = ListPlan::list("");
        bad(
            "<html>",
            &top,
            "the answer is no JSON: '<' at byte 0 (it looks like HTML)",
        );
        bad("[1 2]", &top, "the answer is no JSON: '2' at byte 3");
        bad("[1,]", &top, "the answer is no JSON: ']' at byte 3");
        bad("[,1]", &top, "the answer is no JSON: ',' at byte 1");
        bad("[1] x", &top, "the answer is no JSON: 'x' at byte 4");
        bad(
            r#"[{"a": ]}]"#,
            &top,
            "the answer is no JSON: '}' at byte 8",
        );
        bad("{}", &top, "the document is no list");
    }

    #[test]
    fn a_bad_element_does_not_take_the_others_with_it() {
        let long = "x".repeat(100);
        let text = [
            br#"[1, {"a": bad}, ""#,
            long.as_bytes(),
            br#"", "a"#,
            b"\xff",
            br#"", tru, 01, 2]"#,
        ];
        let all = all(&text.concat(), &ListPlan::list(""), 7).unwrap();
        let left: Vec<bool> = all.iter().map(Result::is_err).collect();
        assert_eq!(left, [false, true, true, true, true, true, false]);
        assert_eq!(
            all[2].as_ref().unwrap_err(),
            "element 3 of the document, \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx…, has 102 bytes; 30 are the most"
        );
    }

    fn lenient(path: &str) -> ListPlan {
        ListPlan::list(path).lenient(None)
    }

    #[test]
    fn nothing_is_an_empty_list() {
        let place = lenient("data.list");
        for nothing in [
            "",
            " \n",
            r#"{"data":{"list":null}}"#,
            r#"{"data":{"list":[]}}"#,
            r#"{"data":{"list":{}}}"#,
            r#"{"data":{"list":""}}"#,
            r#"{"data":{},"count":0}"#,
            r#"{"data":[]}"#,
            r#"{"data":null}"#,
            r#"{"data":false}"#,
            "{}",
            "null",
            r#"{"query_status":"no_result","data":"Your search did not yield any results"}"#,
            r#"{"message": "No results found", "data": {}}"#,
        ] {
            good(nothing, &place, &[]);
        }
        for (text, expected) in [
            (
                r#"{"query_status":"unknown_auth_key"}"#,
                "there is no data in the answer: unknown_auth_key",
            ),
            (
                r#"{"query_status":"bad_term","data":"Your term is too short"}"#,
                "there is no data.list in the answer: Your term is too short",
            ),
            (
                r#"{"data":{"error":{"message":"too\nmuch"}}}"#,
                "there is no data.list in the answer: too much",
            ),
            (
                r#"{"results":[1]}"#,
                "there is no data in the answer, but a list results",
            ),
            (r#"{"data":{"list":5}}"#, "data.list is no list"),
            (
                r#"{"data":{"list":"you are over quota"}}"#,
                "there is no data.list in the answer: you are over quota",
            ),
            (
                r#"{"data":7}"#,
                "data is no object, so there is no data.list",
            ),
            (
                r#"{"data":{"list":[1}"#,
                "the answer is no JSON: '}' at byte 18",
            ),
        ] {
            bad(text, &place, expected);
        }
    }

    #[test]
    fn objects_of_ids() {
        let top = lenient(".");
        good(
            r#"{"7": [{"u":1},{"u":2}], "8": [ ], "9": {"u": 3}}"#,
            &top,
            &[r#"{"u":1}"#, r#"{"u":2}"#, r#"{"u": 3}"#],
        );
        good(r#"{"d": {"1": {"a": 1}}}"#, &lenient("d"), &[r#"{"a": 1}"#]);
        // one that is longer than any record, here of 30 bytes
        let elements: Vec<String> = (0..20).map(|n| format!("{{\"n\":{n}}}")).collect();
        let members: Vec<String> = elements.iter().map(|e| format!("\"x\" : {e}")).collect();
        let expected: Vec<&str> = elements.iter().map(String::as_str).collect();
        good(&format!("{{{}}}", members.join(" , ")), &top, &expected);
        let named = ListPlan::list("d").lenient(Some("ip".to_owned()));
        good(
            r#"{"d": {"a\"": {"s":1}, "b": [{}], "c": 5, "e": {"ip":2}}}"#,
            &named,
            &[
                r#"{"ip":"a\"","s":1}"#,
                r#"{"ip":"b"}"#,
                r#"{"ip":"c","value":5}"#,
                r#"{"ip":2}"#,
            ],
        );
    }

    #[test]
    fn one_record_after_the_other() {
        let top = lenient(".");
        good(
            "{\"a\":1}\n{\"a\":2}\n",
            &top,
            &[r#"{"a":1}"#, r#"{"a":2}"#],
        );
        good(
            "{\"a\":[1]}\r\n\n{\"a\":{}}",
            &top,
            &[r#"{"a":[1]}"#, r#"{"a":{}}"#],
        );
        good(
            "\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n",
            &top,
            &[r#"{"a":1}"#, r#"{"a":2}"#],
        );
        good(
            "{\"a\":\n1}{\"a\":\n2}",
            &top,
            &["{\"a\":\n1}", "{\"a\":\n2}"],
        );
        good("{\"a\":1}", &top, &[r#"{"a":1}"#]);
        good(
            r#"{"msg":"x","level":"error"}"#,
            &top,
            &[r#"{"msg":"x","level":"error"}"#],
        );
        bad(
            r#"{"error":"no such key"}"#,
            &top,
            "the answer is no list, but an error: no such key",
        );
        let lines = all(b"{\"a\":1}\nbroken\n{\"a\":3}\n", &top, 7).unwrap();
        assert_eq!(lines[0], Ok(r#"{"a":1}"#.to_owned()));
        assert!(
            lines[1]
                .as_ref()
                .is_err_and(|why| why.contains("element 2")),
            "{lines:?}"
        );
        assert_eq!(lines[2], Ok(r#"{"a":3}"#.to_owned()));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn lists_in_lists_and_keys_with_dots() {
        good(
            r#"[{"x":1},{"list":[1,2]},3]"#,
            &lenient("1.list"),
            &["1", "2"],
        );
        good("[[7]]", &ListPlan::list("0"), &["7"]);
        good(r#"{"odata.value":[1]}"#, &lenient("odata.value"), &["1"]);
        good(r#"{"a":{"b.c":[1]}}"#, &lenient("a.b.c"), &["1"]);
        bad(
            r#"[{"list":[1]}]"#,
            &lenient("data"),
            "the document is a list, so there is no data",
        );
    }

    #[test]
    fn what_stands_beside_the_list() {
        let places = ["next", "links.next", "@odata.nextLink", "data.next"].map(JsonPath::path);
        let plan = lenient("data.list").beside(places.to_vec());
        let text = r#"{"links":{"next":"a"},"data":{"x":0,"list":[1,{"next":0}],"next":"b"},"@odata.nextLink":"c","next":null}"#;
        for buffer in [1, 1000] {
            let input = BufReader::with_capacity(buffer, text.as_bytes());
            let beside = split(input, &plan, 1000, |_, _| Ok(())).unwrap();
            let expected = [
                (1, Value::from("a")),
                (3, Value::from("b")),
                (2, Value::from("c")),
                (0, Value::Null),
            ];
            assert_eq!(beside.values, expected);
        }
    }
}
