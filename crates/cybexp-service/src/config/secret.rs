//! Secrets: values that never show in logs, and can be kept out of the file.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::locate;

/// A secret: `"the value"`, or `{"env": "NAME"}`, or `{"file": "path"}` (line ends at the end of the file are cut off).
///
/// A relative path is resolved as that of a key is, so that systemd may give the file as a credential. `Debug` shows where a
/// secret comes from, never the secret.
#[derive(Debug, Clone)]
pub enum Secret {
    /// The value as given in the file.
    Value(SecretString),
    /// The name of the environment variable that holds the secret.
    Env(String),
    /// The file that holds the secret.
    File(PathBuf),
}

impl Secret {
    /// Returns the secret. The error says why it cannot be read.
    pub fn read(&self) -> Result<SecretString, String> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Env(name) => std::env::var(name)
                .map(SecretString::from)
                .map_err(|_| format!("the environment variable {name} is not set, or not UTF-8")),
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| text.trim_end_matches(['\r', '\n']).into())
                .map_err(|error| format!("{}: {error}", path.display())),
        }
    }

    pub(super) fn resolve(&mut self, folder: &Path, credentials: Option<&Path>) {
        if let Self::File(path) = self {
            *path = locate(path, folder, credentials);
        }
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::Value(value.into())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a string, {"env": "NAME"} or {"file": "path"}"#)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Secret, E> {
        Ok(value.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let secret = match map.next_key::<String>()?.as_deref() {
            Some("env") => Secret::Env(map.next_value()?),
            Some("file") => Secret::File(map.next_value()?),
            Some(other) => return Err(A::Error::unknown_field(other, &["env", "file"])),
            None => return Err(A::Error::custom("a secret is empty: give env or file")),
        };
        match map.next_key::<String>()? {
            None => Ok(secret),
            Some(other) => Err(A::Error::custom(format!(
                "`{other}` is one too many: give env or file"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn secret(json: &str) -> Secret {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn read_from_the_environment_or_a_file() {
        let path = std::env::var("PATH").unwrap();
        assert_eq!(
            secret(r#"{"env": "PATH"}"#).read().unwrap().expose_secret(),
            path
        );
        let missing = secret(r#"{"env": "CYBEXP_NO_SUCH_VARIABLE"}"#)
            .read()
            .unwrap_err();
        assert!(missing.contains("CYBEXP_NO_SUCH_VARIABLE"), "{missing}");

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), " pass word\r\n\n").unwrap();
        let mut token = secret(r#"{"file": "token"}"#);
        token.resolve(folder.path(), None);
        assert_eq!(token.read().unwrap().expose_secret(), " pass word");
    }

    #[test]
    fn anything_else_is_refused() {
        for json in [
            "5",
            "null",
            "[]",
            "{}",
            r#"{"url": "x"}"#,
            r#"{"env": "A", "file": "b"}"#,
        ] {
            assert!(serde_json::from_str::<Secret>(json).is_err(), "{json}");
        }
    }
}
