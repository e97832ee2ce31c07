//! An event of a session as a sentence, by what the filter for Cowrie makes. No input, no output.

use cybexp_store::StoryEvent;
use serde_json::Value;

/// The longest text within a sentence, in characters. The value that it is about is whole.
const CHARS: usize = 100;

/// A sentence about an event: its beginning, the value that it is about, and the rest.
#[derive(Debug, PartialEq)]
pub(super) struct Sentence<'a> {
    /// The kind of step, by which a reader may colour it.
    pub(super) kind: &'static str,
    pub(super) said: &'static str,
    /// The sub_type and data.
    pub(super) value: Option<Named<'a>>,
    pub(super) rest: Option<String>,
}

type Named<'a> = (&'static str, &'a Value);

/// Places of what a client tells or tries before it is let in, and the beginnings of the sentences about it.
const CLIENT: [(&[&str], &str); 6] = [
    (&["ssh_version"], "said that its client is"),
    (&["ssh_key_exchange", "hassh"], "offered the algorithms"),
    (&["ssh_public_key", "ssh_fingerprint"], "offered the key"),
    (&["ssh_client_env"], "set"),
    (&["cve_id"], "tried the exploit"),
    (&["data"], "sent"),
];

/// Makes the sentence of an event.
pub(super) fn sentence(event: &StoryEvent) -> Sentence<'_> {
    let of = Data(event.data.as_ref());
    let with = |kind, said, value, rest| Sentence {
        kind,
        said,
        value,
        rest,
    };
    match event.sub_type.as_str() {
        "connection" => {
            let rest = of.text(&["protocol"]).map(|name| format!("by {name}"));
            with(
                "connection",
                "connected to port",
                of.at(&["dst", "port"]),
                rest,
            )
        }
        "ssh" | "telnet" => login(of),
        "shell_command" => match of.at(&["shell_command"]) {
            Some(value) => {
                let failed = of.first(&["success"]) == Some(&Value::Bool(false));
                let rest = failed.then(|| "which the honeypot does not know".to_owned());
                with("command", "typed", Some(value), rest)
            }
            None => {
                let value = of.at(&["username"]);
                with("command", "changed the password of", value, None)
            }
        },
        "shell_input" => with("command", "typed as input", of.at(&["data"]), None),
        "file_download" => {
            let value = of.at(&["url"]).or_else(|| of.at(&["file", "sha256"]));
            let rest = match of.first(&["success"]) {
                Some(Value::Bool(false)) => Some("without success".to_owned()),
                _ => of.hash_of_file(),
            };
            with("file", "fetched", value, rest)
        }
        "file_upload" => {
            let value = of.at(&["file", "filename"]);
            let value = value.or_else(|| of.at(&["file", "sha256"]));
            with("file", "left the file", value, of.hash_of_file())
        }
        "network_traffic" => {
            let names: [&[&str]; 4] = [
                &["dst", "url"],
                &["dst", "hostname"],
                &["dst", "ipv4"],
                &["dst", "ipv6"],
            ];
            let value = names.into_iter().find_map(|path| of.at(path));
            let rest = of.text(&["dst", "port"]).map(|port| format!("port {port}"));
            with("network", "wanted to be connected to", value, rest)
        }
        "session_params" => with("other", "was told the processor", of.at(&["arch"]), None),
        other => with("other", "made an event", None, Some(short(other))),
    }
}

/// Tells an event of the log-in, or of what the client says of itself before.
fn login(of: Data<'_>) -> Sentence<'_> {
    let with = |kind, said, value, rest| Sentence {
        kind,
        said,
        value,
        rest,
    };
    if let Some(name) = of.text(&["credential", "username"]) {
        let accepted = of.first(&["success"]) == Some(&Value::Bool(true));
        let (kind, verdict) = match accepted {
            true => ("access", "was let in"),
            false => ("login", "was refused"),
        };
        let rest = Some(format!("as {name}, and {verdict}"));
        let password = of.at(&["credential", "password"]);
        let said = match password {
            Some(_) => "tried the password",
            None => "tried to log in",
        };
        return with(kind, said, password, rest);
    }
    let found = CLIENT.iter();
    let mut found = found.filter_map(|(path, said)| Some((*said, of.at(path)?)));
    if let Some((said, value)) = found.next() {
        return with("client", said, Some(value), None);
    }
    if of.first(&["ssh_key_exchange"]).is_some() {
        return with("client", "offered its algorithms", None, None);
    }
    let cells = |name| of.text(&["ssh_client_size", name]);
    match (cells("width"), cells("height")) {
        (Some(width), Some(height)) => {
            let rest = Some(format!("{width} × {height} characters"));
            with("client", "said that its window has", None, rest)
        }
        _ => with("client", "spoke", None, None),
    }
}

/// The data of an event: for each sub_type a list of values, or of the same for objects.
#[derive(Clone, Copy)]
struct Data<'a>(Option<&'a Value>);

impl<'a> Data<'a> {
    /// Returns the first value under a path of sub_types.
    fn first(self, path: &[&str]) -> Option<&'a Value> {
        path.iter()
            .try_fold(self.0?, |at, name| at.get(name)?.get(0))
    }

    /// Returns the first value under a path of sub_types, with the last of these.
    fn at(self, path: &[&'static str]) -> Option<Named<'a>> {
        Some((*path.last()?, self.first(path)?))
    }

    /// Returns the first value under a path of sub_types as a short text.
    fn text(self, path: &[&str]) -> Option<String> {
        match self.first(path)? {
            Value::String(text) => Some(short(text)),
            Value::Array(_) | Value::Object(_) => None,
            other => Some(other.to_string()),
        }
    }

    fn hash_of_file(self) -> Option<String> {
        let hash = self.text(&["file", "sha256"]);
        let hash = hash.or_else(|| self.text(&["sha256"]))?;
        let begin: String = hash.chars().take(16).collect();
        Some(format!("(sha256 {begin}…)"))
    }
}

/// Returns the beginning of a text.
fn short(text: &str) -> String {
    let mut chars = text.chars();
    let mut begin: String = chars.by_ref().take(CHARS).collect();
    if chars.next().is_some() {
        begin.push('…');
    }
    begin
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tahoe_core::Hash;

    use super::*;

    fn told(sub_type: &str, data: Value) -> String {
        let event = StoryEvent {
            hash: Hash::of(&[sub_type]),
            sub_type: sub_type.to_owned(),
            category: "malicious".to_owned(),
            timestamp: 0.0,
            data: Some(data),
        };
        let Sentence {
            kind,
            said,
            value,
            rest,
        } = sentence(&event);
        let value = value.map(|(sub_type, data)| format!("{sub_type}={data}"));
        let parts = [Some(format!("{kind}: {said}")), value, rest];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn events_are_sentences() {
        let credential = |success: bool| json!({"credential": [{"username": ["root"], "password": ["1"]}], "success": [success]});
        for (sub_type, data, expected) in [
            (
                "connection",
                json!({"dst": [{"port": [22]}], "protocol": ["ssh"]}),
                "connection: connected to port port=22 by ssh",
            ),
            (
                "ssh",
                json!({"ssh_version": ["SSH-2.0-Go"]}),
                "client: said that its client is ssh_version=\"SSH-2.0-Go\"",
            ),
            (
                "ssh",
                json!({"ssh_client_size": [{"height": [24], "width": [80]}]}),
                "client: said that its window has 80 × 24 characters",
            ),
            (
                "ssh",
                credential(false),
                "login: tried the password password=\"1\" as root, and was refused",
            ),
            (
                "telnet",
                credential(true),
                "access: tried the password password=\"1\" as root, and was let in",
            ),
            (
                "shell_command",
                json!({"shell_command": ["ls"], "success": [false]}),
                "command: typed shell_command=\"ls\" which the honeypot does not know",
            ),
            (
                "file_download",
                json!({"url": ["http://a.example/x"], "file": [{"sha256": ["ab".repeat(32)]}]}),
                "file: fetched url=\"http://a.example/x\" (sha256 abababababababab…)",
            ),
            (
                "file_upload",
                json!({"file": [{"filename": ["x"]}]}),
                "file: left the file filename=\"x\"",
            ),
            (
                "network_traffic",
                json!({"dst": [{"ipv4": ["203.0.113.9"], "url": ["203.0.113.9"], "port": [25]}]}),
                "network: wanted to be connected to url=\"203.0.113.9\" port 25",
            ),
            ("brand_new", json!({}), "other: made an event brand_new"),
            // what nobody made
            ("ssh", json!([1]), "client: spoke"),
            (
                "shell_command",
                json!({"shell_command": "ls"}),
                "command: changed the password of",
            ),
        ] {
            assert_eq!(told(sub_type, data), expected);
        }
    }
}
