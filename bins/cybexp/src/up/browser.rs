//! Opening the web pages from the terminal, signed in.

use std::io::{BufRead, IsTerminal};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use cybexp_service::Config;
use cybexp_service::config::Db;
use cybexp_store::{Identity, Server};
use tokio::sync::mpsc::{Receiver, channel};

use super::setup::issue_for;
use super::suite::Suite;
use crate::daemon::Daemon;

/// Programs that open an address in the person's browser.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

/// Offers to open the pages of this suite, where a person sits at the terminal. The receiver gets a message for each time
/// that Enter is pressed.
pub(crate) fn offer(suite: &Suite) -> Option<Receiver<()>> {
    let person = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !person || !suite.daemons.contains(&Daemon::Web) || suite.config.web.secret.is_none() {
        return None;
    }
    anstream::println!("Press Enter to open the web pages, signed in.");
    let (pressed, presses) = channel(1);
    // a thread of its own: reading a terminal cannot be given up, and must not keep the runtime from ending
    std::thread::spawn(move || {
        let mut lines = std::io::stdin().lock().lines();
        while let Some(Ok(_)) = lines.next() {
            if pressed.blocking_send(()).is_err() {
                return;
            }
        }
    });
    Some(presses)
}

/// Waits until Enter is pressed; for ever where nothing was offered, or the terminal is gone.
pub(crate) async fn pressed(presses: &mut Option<Receiver<()>>) {
    let press = match presses {
        Some(presses) => presses.recv().await,
        None => None,
    };
    if press.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Opens the pages in a browser, signed in as the user of this address. Prints the link, too: the browser may be elsewhere.
pub(crate) async fn open(suite: &Suite, email: &str) {
    match link(&suite.config, email).await {
        Ok(Some(link)) => {
            anstream::println!("{link}\nworks once, within two minutes");
            launch(&link);
        }
        Ok(None) => {
            anstream::eprintln!("there is no user {email}: sign in with an address and password")
        }
        Err(error) => anstream::eprintln!("no link: {}", cybexp_term::told(&error)),
    }
}

async fn link(config: &Config, email: &str) -> anyhow::Result<Option<String>> {
    let Db { url, db, coll } = config.identity_db()?;
    let server = Server::connect(url.expose(), "cybexp-up").await?;
    let identity = Identity::open(&server, &db, &coll).await?;
    let Some(user) = identity.user_by_email(email).await? else {
        return Ok(None);
    };
    let token = issue_for(config, &identity, &user, config.web.session_s).await?;
    let path = cybexp_web::sign_in_path(config, email, &token)?;
    let mut address = config.web.listen;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Ok(path.map(|path| format!("http://{address}{path}")))
}

fn launch(link: &str) {
    let quiet = |opener: &&str| {
        let mut command = Command::new(opener);
        command
            .arg(link)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn()
    };
    if let Some(mut browser) = OPENERS.iter().find_map(|opener| quiet(opener).ok()) {
        std::thread::spawn(move || browser.wait());
    }
}
