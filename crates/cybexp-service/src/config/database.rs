//! Places of collections: server, database, collection.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// One collection of one database on one MongoDB.
#[derive(Debug, Clone)]
pub struct Db {
    /// The URL of the server.
    pub url: MongoUrl,
    /// The database.
    pub db: String,
    /// The collection.
    pub coll: String,
}

/// The URL of a MongoDB. `Display` and `Debug` show it without password and options.
#[derive(Clone)]
pub struct MongoUrl(SecretString);

impl MongoUrl {
    /// Takes a `mongodb://` or `mongodb+srv://` URL. The error says what is wrong with another one. The driver checks the rest.
    pub fn new(url: SecretString) -> Result<Self, String> {
        match split(url.expose_secret()) {
            None => Err("must begin with mongodb:// or mongodb+srv://".to_owned()),
            Some((_, _, "")) => Err("names no host".to_owned()),
            Some(_) => Ok(Self(url)),
        }
    }

    /// Returns the whole URL, with the password.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Splits a URL into scheme, user with password, and hosts.
fn split(url: &str) -> Option<(&str, Option<&str>, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "mongodb" | "mongodb+srv") {
        return None;
    }
    // the last @, for people write a password's own @ and / as they are; hiding too much is better than too little
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    Some((scheme, user, rest.split(['/', '?']).next().unwrap_or(rest)))
}

impl fmt::Display for MongoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match split(self.expose()) {
            Some((scheme, None, hosts)) => write!(f, "{scheme}://{hosts}/"),
            Some((scheme, Some(user), hosts)) => {
                let name = user.split(':').next().unwrap_or_default();
                write!(f, "{scheme}://{name}:***@{hosts}/")
            }
            None => f.write_str("***"),
        }
    }
}

impl fmt::Debug for MongoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_without_password_and_options() {
        for (url, shown) in [
            ("mongodb://localhost:27017/", "mongodb://localhost:27017/"),
            ("mongodb://a:1,b:2/?replicaSet=rs", "mongodb://a:1,b:2/"),
            ("mongodb://me:pass@host/admin?x=1", "mongodb://me:***@host/"),
            (
                "mongodb://me:p@ss/w?rd@host/admin",
                "mongodb://me:***@host/",
            ),
            ("mongodb+srv://me:pass@host", "mongodb+srv://me:***@host/"),
        ] {
            let parsed = MongoUrl::new(url.into()).unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(format!("{parsed:?}"), shown);
            assert_eq!(parsed.expose(), url);
        }
    }

    #[test]
    fn what_is_no_mongodb_url_is_refused() {
        for url in [
            "",
            "localhost:27017",
            "http://localhost/",
            "mongodb://",
            "mongodb:///db",
            "mongodb://me:pass@/",
        ] {
            assert!(MongoUrl::new(url.into()).is_err(), "{url}");
        }
    }
}
