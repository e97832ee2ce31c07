//! The HTTP client of one source.

use std::time::{Duration, SystemTime};

use anyhow::{anyhow, bail};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue,
    LOCATION,
};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, ClientBuilder, Method, Request, Response, StatusCode, Url};

use crate::body::head;
use crate::cause::cause;
use crate::limits::IDLE;
use crate::redirect::{self, Along, Cookies, Redirects};
use crate::refusal::{HttpRefusal, retry_after};
use crate::said::{because, reason};
use crate::secrets::Secrets;
use crate::url::origin;
use crate::validators::Validators;
use crate::wire::Wire;
use crate::wire::reach::{Reach, WithinReach};

const CONNECT: Duration = Duration::from_secs(20);
const MAX_REDIRECTS: usize = 10;

/// Options of an HTTP client.
#[derive(Debug)]
pub struct HttpOptions {
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Whether redirects are followed.
    pub redirects: Redirects,
    /// The longest silence of the source before it counts as gone.
    pub idle: Duration,
    /// The way to connect to the source.
    pub wire: Wire,
    /// The secrets that are hidden in messages of the source.
    pub secrets: Secrets,
}

impl HttpOptions {
    /// The usual ones, for a source that is connected to like this.
    pub fn new(wire: Wire) -> Self {
        Self {
            user_agent: agent().to_owned(),
            redirects: Redirects::Followed,
            idle: IDLE,
            wire,
            secrets: Secrets::default(),
        }
    }
}

/// The `User-Agent` of this program.
pub fn agent() -> &'static str {
    concat!(
        "cybexp-input/",
        env!("CARGO_PKG_VERSION"),
        " (+CYBEX-P threat intelligence collector)"
    )
}

/// A client of one source.
#[derive(Debug)]
pub struct Http {
    client: Client,
    options: HttpOptions,
}

/// The outcome of a conditional GET.
#[derive(Debug)]
pub enum Fetched {
    /// Nothing is new.
    Nothing,
    /// This is; its body is not read yet.
    New(Response),
}

impl Http {
    /// # Errors
    /// When the machine lacks what TLS needs.
    pub fn new(options: HttpOptions) -> Result<Self, String> {
        let client = builder(&options).build();
        let client =
            client.map_err(|error| format!("no HTTP client can be made: {}", cause(&error)))?;
        Ok(Self { client, options })
    }

    /// The client, to build requests for [`Http::send`] with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The secrets that must not be shown.
    pub fn secrets(&self) -> &Secrets {
        &self.options.secrets
    }

    /// Asks for a document, unless it is the one that `known` names.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub async fn get(
        &self,
        url: &Url,
        headers: &HeaderMap,
        known: Option<&Validators>,
    ) -> anyhow::Result<Fetched> {
        let request = self.client.get(url.clone()).headers(headers.clone());
        let request = request.build().map_err(unsendable)?;
        self.ask(request, url, known).await
    }

    /// Asks for a document with a request, the secrets of which are for `keeper`; by a conditional one where `known` names
    /// the document that is known.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub async fn ask(
        &self,
        mut request: Request,
        keeper: &Url,
        known: Option<&Validators>,
    ) -> anyhow::Result<Fetched> {
        if let Some(known) = known {
            request.headers_mut().extend(known.headers());
        }
        let posted = request.method() == Method::POST;
        let response = self.send(request, keeper).await?;
        match response.status() {
            StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => {
                Ok(Fetched::New(response))
            }
            StatusCode::CREATED if posted => Ok(Fetched::New(response)),
            StatusCode::NO_CONTENT => Ok(Fetched::Nothing),
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(Fetched::Nothing),
            status => {
                let origin = origin(response.url());
                let reason = reason(&head(response).await, &self.options.secrets);
                let what =
                    format!("{origin} answers {status}, which is no answer to this question");
                Err(anyhow!(because(what, reason)))
            }
        }
    }

    /// Sends a request, the secrets of which are for `keeper`, and follows redirects.
    ///
    /// # Errors
    /// A status from 400 on is [`HttpRefusal`], or [`Later`](crate::Later) where the source says when to come again.
    pub async fn send(&self, mut request: Request, keeper: &Url) -> anyhow::Result<Response> {
        request
            .headers_mut()
            .entry(ACCEPT_ENCODING)
            .or_insert(HeaderValue::from_static("gzip"));
        let start = origin(request.url());
        let own = request.headers().get(COOKIE).cloned();
        let mut cookies = Cookies::default();
        let mut trail = Trail::default();
        self.allow(&mut request, keeper, &mut trail).await?;
        for _ in 0..=MAX_REDIRECTS {
            let again = request.try_clone();
            let from = request.url().clone();
            let response = self.execute(request, &trail).await?;
            let Some(to) = target(&response) else {
                return self.answered(response, &trail).await;
            };
            if self.options.redirects == Redirects::Refused {
                bail!("{}: {}", origin(&from), redirect::refused(&from, &to));
            }
            cookies.keep(&from, response.headers());
            let next = again.and_then(|again| onward(again, response.status(), to));
            request = next
                .ok_or_else(|| anyhow!("{}: redirects what cannot be sent again", origin(&from)))?;
            self.allow(&mut request, &from, &mut trail).await?;
            let own = own.as_ref().filter(|_| !trail.stripped);
            let cookie = cookies.header(request.url(), own);
            request.headers_mut().remove(COOKIE);
            request
                .headers_mut()
                .extend(cookie.map(|cookie| (COOKIE, cookie)));
        }
        bail!("{start}: redirects too often")
    }

    /// Takes from a request what may not go from one URL to its own, and finds out from where it may be answered.
    async fn allow(
        &self,
        request: &mut Request,
        from: &Url,
        trail: &mut Trail,
    ) -> anyhow::Result<()> {
        let to = request.url().clone();
        let along =
            redirect::along(from, &to).map_err(|reason| anyhow!("{}: {reason}", origin(from)))?;
        if along == Along::Everything {
            return Ok(());
        }
        if request.body().is_some() {
            bail!(
                "{}: leads to {}, where the body of the request is not sent: if that is right, set url to it",
                origin(from),
                origin(&to)
            );
        }
        trail.stripped |= request.headers().contains_key(AUTHORIZATION)
            || request.headers().values().any(HeaderValue::is_sensitive);
        redirect::keep_harmless(request.headers_mut());
        if from.host() != to.host() {
            let most = match trail.most {
                Some(most) => most,
                None => Reach::of(from).await,
            };
            trail.most = Some(most);
            if Reach::of_host(&to).is_some_and(|reach| reach > most) {
                bail!(
                    "{}: leads to {}: that is an address of this machine or of its network, where the source itself is not",
                    origin(from),
                    origin(&to)
                );
            }
        }
        Ok(())
    }

    async fn execute(&self, request: Request, trail: &Trail) -> anyhow::Result<Response> {
        let url = request.url().clone();
        let proxy = self.options.wire.proxies.of(&url);
        let proxy = proxy.map_err(|reason| anyhow!("{}: {reason}", origin(&url)))?;
        let through = proxy
            .as_ref()
            .map(|proxy| format!(", through the proxy {}", proxy.origin()))
            .unwrap_or_default();
        let client = match trail.most {
            // who is here already may lead anywhere, and a proxy looks for names itself
            None | Some(Reach::Machine) => self.client.clone(),
            Some(_) if proxy.is_some() => self.client.clone(),
            Some(most) => builder(&self.options)
                .dns_resolver(WithinReach(most))
                .build()
                .map_err(|error| anyhow!("no HTTP client can be made: {}", cause(&error)))?,
        };
        let sent = client.execute(request).await;
        sent.map_err(|error| anyhow!("{}{through}: {}", origin(&url), cause(&error)))
    }

    async fn answered(&self, response: Response, trail: &Trail) -> anyhow::Result<Response> {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(response);
        }
        let wait = retry_after(response.headers(), SystemTime::now());
        let proxy = self.options.wire.proxies.of(response.url());
        let mut origin = origin(response.url());
        if let Ok(Some(proxy)) = proxy {
            origin = format!("{origin}, through the proxy {},", proxy.origin());
        }
        let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let body = head(response).await;
        let refused = HttpRefusal {
            origin,
            status,
            reason: reason(&body, &self.options.secrets),
            hint: (denied && trail.stripped).then_some(
                " (it was redirected there, and keys are not sent to another host or port: if that is right, set url to it)",
            ),
        };
        Err(match wait {
            Some(wait) => refused.later(wait),
            None => refused.into(),
        })
    }
}

/// Records what became of a request on its way through redirects.
#[derive(Debug, Default)]
struct Trail {
    /// Secrets were left behind.
    stripped: bool,
    /// From how far inside an answer may come; `None`: from the host that was meant.
    most: Option<Reach>,
}

fn builder(options: &HttpOptions) -> ClientBuilder {
    let proxies = options.wire.proxies.clone();
    let proxy = reqwest::Proxy::custom(move |url| Some(proxies.of(url).ok()??.url()));
    Client::builder()
        .user_agent(&options.user_agent)
        .connect_timeout(CONNECT)
        .read_timeout(options.idle)
        .pool_idle_timeout(Duration::from_secs(30))
        // they are followed here, where it is known what may go along
        .redirect(Policy::none())
        .referer(false)
        .tls_backend_preconfigured(rustls::ClientConfig::clone(&options.wire.tls))
        .no_proxy()
        .proxy(proxy)
        // what this crate asks for, it takes apart itself, bounded; other crates may have turned these on
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}

/// The URL that an answer redirects to.
fn target(response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    let location = String::from_utf8_lossy(location.as_bytes());
    let mut to = response.url().join(location.trim()).ok()?;
    // nobody else's user and password
    let _ = to.set_username("");
    let _ = to.set_password(None);
    Some(to)
}

/// The request that follows a redirect (RFC 9110, 15.4): after 303, and after 301 and 302 by custom, a POST is a GET.
fn onward(mut request: Request, status: StatusCode, to: Url) -> Option<Request> {
    let changes = match status.as_u16() {
        303 => request.method() != Method::HEAD,
        301 | 302 => request.method() == Method::POST,
        _ => false,
    };
    if changes {
        *request.method_mut() = Method::GET;
        *request.body_mut() = None::<Body>;
        request.headers_mut().remove(CONTENT_TYPE);
        request.headers_mut().remove(CONTENT_LENGTH);
    }
    *request.url_mut() = to;
    Some(request)
}

fn unsendable(error: reqwest::Error) -> anyhow::Error {
    anyhow!("no request: {}", cause(&error))
}
