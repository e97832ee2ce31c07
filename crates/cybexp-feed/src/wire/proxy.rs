//! The proxy that a URL is asked through.

use std::env;
use std::fmt;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::reach::is_loopback;

/// The proxies of a source.
#[derive(Debug, Clone)]
pub struct Proxies(Arc<Chosen>);

#[derive(Debug)]
struct Chosen {
    http: Option<Result<Proxy, String>>,
    https: Option<Result<Proxy, String>>,
    /// Matches the hosts that `NO_PROXY` does not name.
    others: Matcher,
}

/// A proxy of HTTP or HTTPS.
#[derive(Clone)]
pub struct Proxy {
    url: SecretString,
    origin: String,
}

impl Proxy {
    fn of(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let with_scheme = match text.contains("://") {
            true => text.to_owned(),
            false => format!("http://{text}"),
        };
        let url = Url::parse(&with_scheme).map_err(|error| format!("is no URL: {error}"))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Self {
                origin: url.origin().ascii_serialization(),
                url: String::from(url).into(),
            }),
            _ => Err("is no proxy of http or https".to_owned()),
        }
    }

    /// Its URL, with user and password.
    pub fn url(&self) -> Url {
        Url::parse(self.url.expose_secret()).expect("it was a URL")
    }

    /// Its URL without user and password, for people.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.origin)
    }
}

impl Proxies {
    /// The proxy that the setting names, for all but loopback; no proxy for `none`.
    ///
    /// # Errors
    /// Says what is wrong with it, without showing it.
    pub fn of_setting(text: &str) -> Result<Self, String> {
        let proxy = match text.trim() {
            "" | "none" => None,
            text => Some(Ok(Proxy::of(text)?)),
        };
        Ok(Self::new(proxy.clone(), proxy, ""))
    }

    /// The proxies of the usual variables, in capitals or not.
    pub fn of_environment() -> Self {
        let variable = |names: [&str; 2]| {
            let set = names.into_iter().find_map(|name| {
                let value = env::var(name).ok()?;
                (!value.trim().is_empty()).then_some((name, value))
            });
            set.map(|(name, value)| Proxy::of(&value).map_err(|reason| format!("${name} {reason}")))
        };
        let all = variable(["ALL_PROXY", "all_proxy"]);
        let no = ["NO_PROXY", "no_proxy"].map(env::var);
        let no = no.into_iter().find_map(Result::ok).unwrap_or_default();
        Self::new(
            variable(["HTTP_PROXY", "http_proxy"]).or_else(|| all.clone()),
            variable(["HTTPS_PROXY", "https_proxy"]).or(all),
            &no,
        )
    }

    fn new(
        http: Option<Result<Proxy, String>>,
        https: Option<Result<Proxy, String>>,
        no: &str,
    ) -> Self {
        let others = Matcher::builder().all("http://proxy.invalid").no(no);
        Self(Arc::new(Chosen {
            http,
            https,
            others: others.build(),
        }))
    }

    /// The proxy for a URL of http, https, ws or wss.
    ///
    /// # Errors
    /// When the environment names one that cannot be used: going around it would be against its owner's will.
    pub fn of(&self, url: &Url) -> Result<Option<Proxy>, String> {
        let proxy = match url.scheme() {
            "http" | "ws" => &self.0.http,
            _ => &self.0.https,
        };
        let Some(proxy) = proxy else { return Ok(None) };
        let host = url.host_str().unwrap_or_default();
        let destination = format!("http://{host}/").parse().ok();
        let meant =
            destination.is_none_or(|destination| self.0.others.intercept(&destination).is_some());
        if !meant || is_loopback(url) {
            return Ok(None);
        }
        proxy.clone().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(proxies: &Proxies, url: &str) -> Option<String> {
        let proxy = proxies.of(&Url::parse(url).unwrap()).unwrap();
        proxy.map(|proxy| proxy.origin().to_owned())
    }

    #[test]
    fn all_but_loopback_and_what_is_left_out() {
        let proxy = |text| Some(Proxy::of(text));
        let proxies = Proxies::new(
            proxy("http://u:SECRET@a:3128"),
            proxy("b:8080"),
            ".example, 192.0.2.0/24",
        );
        for (url, expected) in [
            ("http://feed.test/x", Some("http://a:3128")),
            ("ws://feed.test/", Some("http://a:3128")),
            ("https://feed.test/", Some("http://b:8080")),
            ("wss://feed.test/", Some("http://b:8080")),
            ("https://www.example/", None),
            ("http://192.0.2.7/", None),
            ("http://127.0.0.1:1/", None),
            ("http://localhost/", None),
            ("ws://[::1]/", None),
        ] {
            assert_eq!(asked(&proxies, url).as_deref(), expected, "{url}");
        }
        assert!(!format!("{proxies:?}").contains("SECRET"));
    }

    #[test]
    fn the_setting() {
        let proxies = Proxies::of_setting("https://p").unwrap();
        assert_eq!(asked(&proxies, "ws://a/").as_deref(), Some("https://p"));
        assert_eq!(
            asked(&Proxies::of_setting("none").unwrap(), "http://a/"),
            None
        );
        for wrong in ["socks5://a:1", "http://", "a b"] {
            Proxies::of_setting(wrong).unwrap_err();
        }
    }

    #[test]
    fn one_that_cannot_be_used_is_not_gone_around() {
        let socks = Some(Proxy::of("socks5://p:1"));
        let proxies = Proxies::new(socks, None, "");
        proxies.of(&Url::parse("http://a/").unwrap()).unwrap_err();
        assert_eq!(asked(&proxies, "http://127.0.0.1/"), None);
        assert_eq!(asked(&proxies, "https://a/"), None);
    }
}
