//! Events and sessions, and the observables of their data.

use serde_json::{Map, Value, json};
use tahoe_core::Scalar;

use crate::kind::{Digest, Kind};
use crate::stix::observable::{Observable, algorithm};

/// The most observables of an event.
const OBSERVABLES: usize = 500;
/// The deepest nesting of an event's objects that is read.
const DEPTH: usize = 8;

/// An event, as it is told to others.
#[derive(Debug, Clone, Copy)]
pub struct ObservedEvent<'a> {
    /// The event's hash, in hexadecimal digits.
    pub hash: &'a str,
    /// The event's type.
    pub sub_type: &'a str,
    /// The time of the event, in Unix seconds.
    pub timestamp: f64,
    /// The event's data: {child sub_type: [child data, …]}.
    pub data: &'a Map<String, Value>,
}

/// A session, as it is told to others.
#[derive(Debug, Clone, Copy)]
pub struct ObservedSession<'a> {
    /// The session's hash, in hexadecimal digits.
    pub hash: &'a str,
    /// The session's type.
    pub sub_type: &'a str,
    /// The first and the last time, in Unix seconds.
    pub times: (f64, f64),
    /// The data that identifies the session: {child sub_type: [child data, …]}.
    pub data: &'a Map<String, Value>,
}

/// An observable with the attributes that it was made of.
pub(crate) struct Found {
    pub(crate) observable: Observable,
    pub(crate) of: Vec<(String, Scalar)>,
}

/// Returns the observables of an instance's data.
pub(crate) fn observables(data: &Map<String, Value>) -> Vec<Found> {
    let mut found = Vec::new();
    of_children(data, 0, &mut found);
    found
}

fn of_children(data: &Map<String, Value>, depth: usize, found: &mut Vec<Found>) {
    for (sub_type, children) in data {
        for child in children.as_array().into_iter().flatten() {
            if found.len() >= OBSERVABLES || depth > DEPTH {
                return;
            }
            match child {
                Value::Object(object) => of_object(sub_type, object, depth, found),
                _ => {
                    if let Ok(data) = Scalar::try_from(child) {
                        found.push(Found {
                            observable: Observable::of(sub_type, &data),
                            of: vec![(sub_type.clone(), data)],
                        });
                    }
                }
            }
        }
    }
}

fn of_object(sub_type: &str, data: &Map<String, Value>, depth: usize, found: &mut Vec<Found>) {
    let whole = match sub_type {
        "file" | "attachment" => file(data),
        "credential" => credential(data),
        _ => None,
    };
    let Some(whole) = whole else {
        return of_children(data, depth + 1, found);
    };
    // what the whole does not tell stands beside it
    let mut rest = data.clone();
    for (name, _) in &whole.of {
        rest.remove(name);
    }
    found.push(whole);
    of_children(&rest, depth + 1, found);
}

fn first(data: &Map<String, Value>, name: &str) -> Option<(String, Scalar)> {
    let values = data.get(name)?.as_array()?;
    let [one] = values.as_slice() else {
        return None;
    };
    let scalar = Scalar::try_from(one).ok()?;
    Some((name.to_owned(), scalar))
}

/// A file with a name and digests.
fn file(data: &Map<String, Value>) -> Option<Found> {
    let mut of = Vec::new();
    let mut hashes = Map::new();
    let mut pattern = None;
    for name in ["md5", "sha1", "sha256", "sha512"] {
        let Some((name, data)) = first(data, name) else {
            continue;
        };
        if let Kind::Digest(digest, text) = Kind::of(&name, &data) {
            let (algorithm, path) = algorithm(digest);
            if digest != Digest::Md5 || pattern.is_none() {
                let path = format!("file:hashes.{path}");
                pattern = Some(crate::stix::pattern::equals(&path, &text));
            }
            hashes.insert(algorithm.to_owned(), text.into());
            of.push((name, data));
        }
    }
    let filename = first(data, "filename");
    let name = filename
        .as_ref()
        .and_then(|(_, name)| name.as_str().map(str::to_owned));
    let name = name.filter(|name| !name.trim().is_empty())?;
    if hashes.is_empty() {
        return None;
    }
    of.extend(filename);
    // the specification takes one digest for the id, the first of this order
    let chosen = ["MD5", "SHA-1", "SHA-256", "SHA-512"]
        .into_iter()
        .find_map(|algorithm| Some(json!({algorithm: hashes.get(algorithm)?})));
    let named = json!({"hashes": chosen, "name": name});
    let made = Observable::made("file", named, &["hashes", "name"], pattern, name);
    Some(Found {
        observable: made.with("hashes", Value::Object(hashes)),
        of,
    })
}

/// An account with its password.
fn credential(data: &Map<String, Value>) -> Option<Found> {
    let (user, password) = (first(data, "username")?, first(data, "password")?);
    let account = Observable::standard("username", &user.1)?;
    let secret = password.1.as_str()?.to_owned();
    Some(Found {
        observable: account.with("credential", secret.into()),
        of: vec![user, password],
    })
}
