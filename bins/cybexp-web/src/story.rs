//! The events of a session in words. No input, no output.

use serde_json::Value;

use crate::instances::{Composite, scalar};

/// The shortest silence that the story tells, in seconds.
const SILENCE_S: f64 = 30.0;

/// A step of the story: an event, or several of the same in a row.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    /// The first event of the step.
    pub(crate) event: &'a Composite,
    /// Seconds since the first event.
    pub(crate) after: f64,
    /// Seconds since the step before, if they are many.
    pub(crate) gap: Option<f64>,
    /// The class in the style sheet.
    pub(crate) class: &'static str,
    /// The beginning of the sentence.
    pub(crate) said: &'static str,
    /// The value that the sentence is about: its sub_type and data.
    pub(crate) value: Option<NamedValue<'a>>,
    /// The rest of the sentence.
    pub(crate) rest: Option<String>,
    /// How often it happened in a row.
    pub(crate) times: u32,
}

/// Tells the events, which are in order of time.
pub(crate) fn told<'a>(events: &[&'a Composite]) -> Vec<Step<'a>> {
    let begin = events.iter().find_map(|event| event.at).unwrap_or_default();
    let mut steps: Vec<Step<'a>> = Vec::new();
    let mut before = begin;
    for event in events {
        let at = event.at.unwrap_or(before);
        let gap = (at - before > SILENCE_S).then_some(at - before);
        before = at;
        let (class, said, value, rest) = sentence(event);
        if let Some(last) = steps.last_mut()
            && gap.is_none()
            && (last.said, last.value, &last.rest) == (said, value, &rest)
        {
            last.times += 1;
            continue;
        }
        steps.push(Step {
            event,
            after: at - begin,
            gap,
            class,
            said,
            value,
            rest,
            times: 1,
        });
    }
    steps
}

/// The sub_type and data of a value.
type NamedValue<'a> = (&'a str, &'a Value);

/// The class, the beginning, the value and the rest of a sentence.
type Sentence<'a> = (
    &'static str,
    &'static str,
    Option<NamedValue<'a>>,
    Option<String>,
);

fn sentence(event: &Composite) -> Sentence<'_> {
    match event.sub_type.as_str() {
        "connection" => (
            "s-connect",
            "connected to port",
            at(event, &["dst", "port"]),
            event.text(&["protocol"]).map(|name| format!("by {name}")),
        ),
        "ssh" | "telnet" => login(event),
        "shell_command" => match at(event, &["shell_command"]) {
            Some(value) => {
                let failed = event.first(&["success"]) == Some(&Value::Bool(false));
                let rest = failed.then(|| "which the honeypot does not know".to_owned());
                ("s-command", "typed", Some(value), rest)
            }
            None => (
                "s-command",
                "changed the password of",
                at(event, &["username"]),
                None,
            ),
        },
        "shell_input" => ("s-command", "typed as input", at(event, &["data"]), None),
        "file_download" => {
            let value = at(event, &["url"]).or_else(|| at(event, &["file", "sha256"]));
            let rest = match event.first(&["success"]) {
                Some(Value::Bool(false)) => Some("without success".to_owned()),
                _ => hash_of_file(event),
            };
            ("s-file", "fetched", value, rest)
        }
        "file_upload" => {
            let value = at(event, &["file", "filename"]).or_else(|| at(event, &["file", "sha256"]));
            ("s-file", "left the file", value, hash_of_file(event))
        }
        "network_traffic" => {
            let value = ["url", "hostname", "ipv4", "ipv6"]
                .iter()
                .find_map(|name| Some((*name, event.first(&["dst", name])?)));
            let port = event
                .text(&["dst", "port"])
                .map(|port| format!("port {port}"));
            ("s-network", "wanted to be connected to", value, port)
        }
        "session_params" => (
            "s-other",
            "was told the processor",
            at(event, &["arch"]),
            None,
        ),
        _ => (
            "s-other",
            "made an event",
            None,
            Some(event.sub_type.clone()),
        ),
    }
}

/// Tells an event of the log-in, or of what the client says of itself before.
fn login(event: &Composite) -> Sentence<'_> {
    let name = event.first(&["credential", "username"]).map(scalar);
    if let Some(name) = name {
        let accepted = event.first(&["success"]) == Some(&Value::Bool(true));
        let verdict = if accepted {
            "and was let in"
        } else {
            "and was refused"
        };
        let class = if accepted { "s-in" } else { "s-login" };
        let rest = Some(format!("as {name}, {verdict}"));
        return match at(event, &["credential", "password"]) {
            Some(value) => (class, "tried the password", Some(value), rest),
            None => (class, "tried to log in", None, rest),
        };
    }
    let said = [
        (&["ssh_version"] as &[&'static str], "said its client is"),
        (&["ssh_key_exchange", "hassh"], "offered the algorithms of"),
        (&["ssh_public_key", "ssh_fingerprint"], "offered the key"),
        (&["ssh_client_env"], "set"),
        (&["cve_id"], "tried the exploit"),
        (&["data"], "sent"),
    ];
    let found = said
        .iter()
        .find_map(|(path, said)| Some((*said, at(event, path)?)));
    if let Some((said, value)) = found {
        return ("s-client", said, Some(value), None);
    }
    if event.first(&["ssh_key_exchange"]).is_some() {
        return ("s-client", "offered its algorithms", None, None);
    }
    let cells = |name: &str| event.text(&["ssh_client_size", name]);
    match (cells("width"), cells("height")) {
        (Some(width), Some(height)) => {
            let rest = Some(format!("{width} × {height} characters"));
            ("s-client", "said its window has", None, rest)
        }
        _ => ("s-client", "spoke", None, Some(event.sub_type.clone())),
    }
}

/// Returns the first value of an event under a path of names.
fn at<'a>(event: &'a Composite, path: &[&'static str]) -> Option<NamedValue<'a>> {
    Some((*path.last()?, event.first(path)?))
}

fn hash_of_file(event: &Composite) -> Option<String> {
    let hash = event
        .text(&["file", "sha256"])
        .or_else(|| event.text(&["sha256"]))?;
    let begin: String = hash.chars().take(16).collect();
    Some(format!("(sha256 {begin}…)"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn event(sub_type: &str, at: f64, data: Value) -> Composite {
        Composite {
            hash: at.to_string(),
            sub_type: sub_type.to_owned(),
            data,
            refs: BTreeSet::new(),
            malicious: BTreeSet::new(),
            benign: BTreeSet::new(),
            at: Some(at),
            end: None,
            category: "malicious".to_owned(),
            orgid: String::new(),
        }
    }

    fn text(step: &Step<'_>) -> String {
        let value = step.value.map(|(_, data)| scalar(data));
        let parts = [Some(step.said.to_owned()), value, step.rest.clone()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_session_reads_as_a_story() {
        let login = |at: f64, password: &str, success: bool| {
            let data = json!({"credential": [{"username": ["root"], "password": [password]}], "success": [success]});
            event("ssh", at, data)
        };
        let events = [
            event(
                "connection",
                0.0,
                json!({"dst": [{"port": [22]}], "protocol": ["ssh"]}),
            ),
            login(1.0, "123456", false),
            login(2.0, "123456", false),
            login(3.0, "admin", true),
            event(
                "shell_command",
                100.0,
                json!({"shell_command": ["uname -a"]}),
            ),
            event(
                "file_download",
                101.0,
                json!({"url": ["http://a.example/x"], "file": [{"sha256": ["ab".repeat(32)]}]}),
            ),
            event("brand_new", 102.0, json!({})),
        ];
        let steps = told(&events.iter().collect::<Vec<_>>());
        let story: Vec<String> = steps.iter().map(text).collect();
        assert_eq!(
            story,
            [
                "connected to port 22 by ssh",
                "tried the password 123456 as root, and was refused",
                "tried the password admin as root, and was let in",
                "typed uname -a",
                "fetched http://a.example/x (sha256 abababababababab…)",
                "made an event brand_new",
            ]
        );
        assert_eq!(steps[1].times, 2);
        assert_eq!(steps[3].gap, Some(97.0));
        assert_eq!(steps[3].after, 100.0);
    }
}
