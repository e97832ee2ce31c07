//! The behaviour of a session, as a value: two sessions of one bot share it, at whatever site.
//!
//! The value is a hash of the session's *normal form*: its different commands, in the order in which they first stand,
//! with all that changes between sessions of one bot replaced by its kind. Whatever is not recognised as changing stays
//! as it is, for a bot that is taken for another does more harm than one that is found twice.
//!
//! 1. **Lines.** The commands that were typed, in order of time; of those with the same time the longest first. The
//!    records `command.success` and `command.failed` repeat parts of a line, and are read only where there are no others.
//!    Taken off: white space at the end, also as the letters `\r\n`. Left out: what a honeypot logs as a command although
//!    a program printed it (`Enter new UNIX password:`).
//! 2. **Commands** (`script`). A line is cut as a shell cuts it, a semicolon being the same as a new line; the other
//!    operators stay, and so does an operator at the very end (`cat /bin/echo;`). Scripts in `$(…)`, `sh -c '…'`,
//!    `echo '…' | sh` and base64 are cut, too, and follow the command that holds them.
//! 3. **Order of words** (`tools`). Options, with their values, come before other words, sorted; redirections come
//!    last, sorted.
//! 4. **Kinds** (`kinds`, `names`, `applets`, `random`):
//!
//! | kind | stands for |
//! |---|---|
//! | `<url>` | a URL, or any argument of a program that fetches URLs |
//! | `<address>`, `<port>` | an address other than loopback, a host that a program connects to; a port beside it |
//! | `<name>` | a file that the session fetches, what it is copied to, a random name; scripts keep their ending |
//! | `<folder>` | a folder that the line enters or hides a file in and names twice: a loop over mounted file systems |
//! | `<word>` | a random word after `busybox`; one that is known or looks like a word stays |
//! | `<password>`, `<passwords>` | what is piped into `chpasswd` or `passwd`, hashed, or was used to log in |
//! | `<n>` | a number of four digits and more, a process |
//! | `<arch>` | a processor, in the arguments and the name of a file that the bot brought |
//! | `<base64>`, `<hex>`, `<uuid>` | texts of these forms; keys of SSH and accounts of miners stay |
//! | `<bytes>` | bytes of a program: in escapes (`\x7f\x45…`), or sent into the shell |
//! | `x"word"` | text in escapes, decoded: fixed words identify bots |
//!
//! 5. **Lists** of one kind are one. **Repeats** of a command are left out wherever they stand, so that loops over what
//!    the honeypot printed, payloads in any number of pieces, and parts that are logged again make no difference. For
//!    this comparison, spaces and quotes do not count.

mod applets;
mod escapes;
mod hosts;
mod kinds;
mod names;
mod normal;
mod program;
mod random;
mod script;
mod token;
mod tools;

use std::collections::{BTreeMap, HashSet};

use sha2::{Digest, Sha256};
use tahoe_core::{Attribute, Event, Node, Object, Scalar};

use super::filter::{Input, SecondFilter, SessionInput, Source};
use super::networks::Networks;
use crate::vocab;

/// The number of hexadecimal digits of a behaviour: 96 bits, and the length of no digest.
const DIGITS: usize = 24;

/// The most payloads and fingerprints of one session that its event holds.
const PAYLOADS: usize = 100;

/// Makes an event `behaviour` of each session with commands: the behaviour, the client's fingerprints, the digests of the
/// files that it brought, and how many commands there were.
pub(crate) struct Behaviour;

impl SecondFilter for Behaviour {
    fn name(&self) -> &'static str {
        "behaviour"
    }

    fn version(&self) -> u32 {
        2
    }

    fn source(&self) -> Source {
        Source::Sessions(&["cowrie_session"])
    }

    fn needs_events(&self) -> &'static [&'static str] {
        &["shell_command"]
    }

    fn run(&self, input: &Input<'_>, _: &Networks) -> Vec<Event> {
        match input {
            Input::Session(session) => event(session).into_iter().collect(),
            Input::Attribute { .. } => Vec::new(),
        }
    }
}

/// Returns the normal form of a session's commands, one a line; empty if it has none.
pub fn normal_form(session: &SessionInput<'_>) -> Vec<String> {
    let passwords = passwords(session.events);
    let lines = lines(session.events);
    normal::normal(&lines, &passwords)
}

fn event(session: &SessionInput<'_>) -> Option<Event> {
    let form = normal_form(session);
    if form.is_empty() {
        return None;
    }
    let digest = hex::encode(Sha256::digest(form.join("\n")));
    let count: usize = lines(session.events).iter().map(Vec::len).sum();
    let mut children: Vec<Node> = vec![
        Attribute::new(vocab::BEHAVIOUR, &digest[..DIGITS]).into(),
        Attribute::new(
            vocab::COMMAND_COUNT,
            i64::try_from(count).unwrap_or(i64::MAX),
        )
        .into(),
    ];
    let mut found = BTreeMap::new();
    for event in session.events {
        let (object, name) = match event.sub_type().as_str() {
            "ssh" => ("ssh_key_exchange", "hassh"),
            "file_download" | "file_upload" => ("file", "sha256"),
            _ => continue,
        };
        let holder = event.children().object(object);
        if let Some(attribute) = holder.and_then(|object| attribute(object, name)) {
            found.entry(attribute.hash()).or_insert(attribute);
        }
    }
    children.extend(found.into_values().take(PAYLOADS).map(Node::from));
    let last = session.events.last()?.timestamp();
    let at = session.session.end_time().unwrap_or(last);
    let orgid = session.events.first()?.orgid().clone();
    Event::new(vocab::BEHAVIOUR, orgid, at, children).ok()
}

fn attribute(object: &Object, name: &str) -> Option<Attribute> {
    object.children().iter().find_map(|node| match node {
        Node::Attribute(attribute) if attribute.sub_type().as_str() == name => {
            Some(attribute.clone())
        }
        _ => None,
    })
}

/// Returns the lines that were typed, in groups of the same time.
fn lines(events: &[Event]) -> Vec<Vec<&str>> {
    let commands = || {
        let commands = events
            .iter()
            .filter(|event| *event.sub_type() == vocab::SHELL_COMMAND);
        commands.filter_map(|event| {
            let text = event.children().attribute("shell_command")?.as_str()?;
            Some((event, text))
        })
    };
    let is_outcome = |event: &Event| event.children().attribute("success").is_some();
    let has_lines = commands().any(|(event, _)| !is_outcome(event));
    let mut groups: Vec<Vec<&str>> = Vec::new();
    let mut last = None;
    for (event, text) in commands().filter(|(event, _)| !(has_lines && is_outcome(event))) {
        let at = event.timestamp();
        match groups.last_mut() {
            Some(group) if last == Some(at) => group.push(text),
            _ => groups.push(vec![text]),
        }
        last = Some(at);
    }
    groups
}

/// Returns the passwords that the session tried to log in with.
fn passwords(events: &[Event]) -> HashSet<&str> {
    let credentials = events
        .iter()
        .filter_map(|event| event.children().object("credential"));
    let passwords =
        credentials.filter_map(|credential| credential.children().attribute("password"));
    passwords
        .filter_map(Scalar::as_str)
        .filter(|password| !password.is_empty())
        .collect()
}
