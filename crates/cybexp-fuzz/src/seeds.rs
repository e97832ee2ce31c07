//! Inputs to begin with, made from the fixtures of the repository, so that none is kept twice.

use std::fs;
use std::path::{Path, PathBuf};

use cybexp_filters::FILTERS;
use serde_json::Value;
use tahoe_core::many::JoinedRecords;
use tahoe_core::python_bytes;
use tahoe_core::submission::bytes_of;

/// The longest seed, in bytes: longer ones only make each run slower.
const LONGEST: usize = 32 << 10;
/// The most seeds of a file that has thousands.
const MOST: usize = 300;

#[cfg(feature = "network")]
const SYSLOG: &[&str] = &[
    "<34>Oct 11 22:14:15 host su: 'su root' failed\n",
    "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 app 8710 ID47 [a@32473 k=\"v\\]\" x=\"\"][b] \u{feff}text\n",
    "54 <34>1 2003-10-11T22:14:15.003Z host su - ID47 - one\n2 two",
    "<13>Mar  1 10:00:00 h me: one<13>Mar  1 10:00:00 h me: two<14>1 - - - - - - three",
    "<13>2026-03-01T10:00:00.123456789+01:00 host app[12]: text\0<0>{\"a\": 1}\r\n",
    "no syslog: at all\n999999999 <1>x",
];
#[cfg(feature = "network")]
const CONTROL: &[&str] = &[
    r#"{"command": "status"}"#,
    r#"{"command": "start", "select": {"plugins": ["syslog"], "names": ["a"]}}"#,
    r#"{"command": "stop", "select": {}}"#,
    r#"{"command": "restart", "select": {"names": []}, "every": true}"#,
    r#"{"command": "drop", "names": ["a", "b"]}"#,
];
#[cfg(feature = "network")]
const LISTS: &[&str] = &[
    r#"[1 ,-2.5e3,true,null, "a,]\"}\\" , {"b": [1, {"]": 2}]},[ [] ,{}]]"#,
    r#"{"list": [0], "x": {"data": 1}, "data": {"a": "}", "l\u0069st": [7, {}], "z": [9]}, "data": 3}"#,
    r#"{"response": [1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"], "next": "/2"}"#,
    r#"{"query_status":"no_result","data":"Your search did not yield any results"}"#,
    r#"{"data": {"7": [{"u":1},{"u":2}], "8": [ ], "9": {"u": 3}}}"#,
    "{\"a\": 1}\n{\"a\": 2}\n\n[3]",
    "\u{feff}[1, {\"a\": bad}, 01, 2]",
];
const LITERALS: &[&str] = &["b''", "b'\\x00\\n\\\\'", "b\"it's\"", "B'\\'\"'", "x"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

/// Returns a fixture as text.
pub(crate) fn text(name: &str) -> String {
    let path = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// Returns the files of a folder whose names end so, in order.
fn files(folder: &str, ends: &[&str]) -> Vec<PathBuf> {
    let folder = root().join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = paths
        .filter(|path| {
            let extension = path.extension().unwrap_or_default();
            ends.iter().any(|end| extension == *end)
        })
        .collect();
    paths.sort();
    paths
}

fn contents(paths: Vec<PathBuf>) -> Vec<Vec<u8>> {
    let read = |path: PathBuf| fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    short(paths.into_iter().map(read))
}

/// Returns the lines of a file of JSON lines, evenly spread where there are many.
fn lines(name: &str) -> Vec<Value> {
    let text = text(name);
    let all: Vec<&str> = text.lines().collect();
    let step = all.len().div_ceil(MOST).max(1);
    let parse = |line: &&str| serde_json::from_str(line).expect("a line of JSON");
    all.iter().step_by(step).map(parse).collect()
}

fn short(seeds: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let seeds = seeds.into_iter();
    seeds.filter(|seed| seed.len() <= LONGEST).collect()
}

fn of(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(crate) fn sealed() -> Vec<Vec<u8>> {
    contents(files("seal", &["jwe", "legacy"]))
}

pub(crate) fn pem() -> Vec<Vec<u8>> {
    contents(files("seal", &["pem"]))
}

/// Returns all texts of a value that look like tokens.
pub(crate) fn tokens() -> Vec<Vec<u8>> {
    fn walk(value: &Value, found: &mut Vec<Vec<u8>>) {
        match value {
            Value::String(text) if text.matches('.').count() == 2 => {
                found.push(text.clone().into_bytes());
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            Value::Object(map) => map.values().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let vectors = serde_json::from_str(&text("token/vectors.json")).expect("JSON");
    let mut found = Vec::new();
    walk(&vectors, &mut found);
    found
}

/// Returns the records of a filter's cases, as they were submitted.
pub(crate) fn of_filter(name: &str) -> Vec<Vec<u8>> {
    let folder = root().join("filters").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let inputs = entries
        .flatten()
        .map(|entry| entry.path().join("input.json"));
    let mut inputs: Vec<_> = inputs.filter(|path| path.exists()).collect();
    inputs.sort();
    short(contents(inputs).into_iter().map(|input| {
        let input: Value = serde_json::from_slice(&input).expect("an input of JSON");
        let data = &input["data"];
        match bytes_of(data) {
            Some(bytes) => bytes.into_owned(),
            None => data.to_string().into_bytes(),
        }
    }))
}

pub(crate) fn filter_inputs() -> Vec<Vec<u8>> {
    let all = FILTERS.iter();
    all.flat_map(|filter| of_filter(filter.name())).collect()
}

/// Returns submissions of several records.
pub(crate) fn records() -> Vec<Vec<u8>> {
    let inputs = of_filter("sighting");
    let join = |records: &[Vec<u8>]| {
        let mut joined = JoinedRecords::default();
        for record in records {
            joined.begin();
            joined.extend(record);
        }
        joined.into_bytes()
    };
    vec![
        join(&inputs),
        join(&inputs[..2]),
        join(&[]),
        join(&[vec![], vec![]]),
    ]
}

pub(crate) fn values() -> Vec<Vec<u8>> {
    let values = lines("golden/canonical.jsonl").into_iter();
    short(values.map(|line| line["value"].to_string().into_bytes()))
}

#[cfg(feature = "network")]
pub(crate) fn lists() -> Vec<Vec<u8>> {
    of(LISTS)
}

pub(crate) fn instances() -> Vec<Vec<u8>> {
    let documents = lines("golden/instances.jsonl").into_iter();
    short(documents.map(|line| line["doc"].to_string().into_bytes()))
}

/// Returns the bytes literals in which the Python API keeps the texts of questions, each with its question's type.
fn question_literals() -> Vec<(String, String)> {
    let lines = lines("golden/queries_identity.jsonl").into_iter();
    let literals = lines.filter_map(|line| {
        let field = |name: &str| line["spec"][name].as_str().map(str::to_owned);
        Some((field("qtype")?, field("qdata")?))
    });
    literals.collect()
}

/// Returns questions: the type on a line, then the text.
pub(crate) fn questions() -> Vec<Vec<u8>> {
    let questions = question_literals().into_iter();
    let questions = questions.filter_map(|(qtype, literal)| {
        let text = python_bytes::parse(&literal).ok()?;
        Some([qtype.as_bytes(), b"\n", &text].concat())
    });
    short(questions)
}

pub(crate) fn literals() -> Vec<Vec<u8>> {
    let literals = question_literals().into_iter();
    let literals = literals.map(|(_, literal)| literal.into_bytes());
    short(literals.chain(of(LITERALS)))
}

/// Returns times: the text on a line, then its time zone.
pub(crate) fn times() -> Vec<Vec<u8>> {
    let times = lines("time/dateutil.jsonl").into_iter();
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let times = times.map(|line| [text(&line, "text"), text(&line, "tzname")].join("\n"));
    times.map(String::into_bytes).collect()
}

/// Returns databases of networks: those of the demo.
pub(crate) fn networks() -> Vec<Vec<u8>> {
    let demo = ["countries.csv", "networks.csv"];
    contents(demo.map(|name| root().join("../../demo").join(name)).into())
}

#[cfg(feature = "network")]
pub(crate) fn syslog() -> Vec<Vec<u8>> {
    of(SYSLOG)
}

#[cfg(feature = "network")]
pub(crate) fn control() -> Vec<Vec<u8>> {
    of(CONTROL)
}
