//! `cybexp org`: organisations, directly in the database.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::ensure;
use clap::{Subcommand, ValueEnum};
use cybexp_service::Config;
use cybexp_store::{Archive, Cache, Holdings, Identity};
use serde_json::Value;
use tahoe_core::{Hash, Membership, Org, OrgError, User};

use super::agree::agreed;
use super::databases;
use super::people::{find_org, find_users};
use cybexp_term::{self as term, BOLD, DIM, GREEN};

#[derive(Subcommand)]
pub(crate) enum OrgCommand {
    /// Make an organisation
    Add(OrgAddArgs),
    /// List all organisations
    List {
        /// Print their documents, without passwords
        #[arg(long)]
        json: bool,
    },
    /// Delete an organisation; its data stays in the archive, invisible to everybody
    Del {
        /// The organisation's name or hash
        org: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Show the members of an organisation, and the users who see its data
    Info {
        /// The organisation's name or hash
        org: String,
    },
    /// Add users to an organisation
    AddUser(OrgAddUserArgs),
    /// Remove users from an organisation
    DelUser(OrgDelUserArgs),
}

#[derive(clap::Args)]
pub(crate) struct OrgAddArgs {
    /// The short name, which is the organisation's identity
    orgname: String,
    /// The full name, for people
    #[arg(long, default_value = "")]
    name: String,
    /// E-mail addresses or hashes of the admins, who post data for the organisation
    #[arg(long, required = true, num_args = 1.., value_name = "EMAIL")]
    admin: Vec<String>,
    /// E-mail addresses or hashes of users who are no admins, and see the organisation's data
    #[arg(long, num_args = 1.., value_name = "EMAIL")]
    user: Vec<String>,
}

#[derive(clap::Args)]
pub(crate) struct OrgAddUserArgs {
    /// The organisation's name or hash
    org: String,
    /// E-mail addresses or hashes of the users
    #[arg(required = true, value_name = "EMAIL")]
    users: Vec<String>,
    /// The role that they get: an admin is also a user, and both see the data
    #[arg(long = "as", value_enum, default_value_t = JoinAs::User)]
    to: JoinAs,
}

#[derive(clap::Args)]
pub(crate) struct OrgDelUserArgs {
    /// The organisation's name or hash
    org: String,
    /// E-mail addresses or hashes of the users
    #[arg(required = true, value_name = "EMAIL")]
    users: Vec<String>,
    /// The role that they lose
    #[arg(long, value_enum)]
    from: EndedMembership,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum JoinAs {
    /// Belongs to the organisation
    User,
    /// Posts data, and adds or removes members
    Admin,
    /// Sees the organisation's data, and nothing else
    Acl,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum EndedMembership {
    /// No longer belongs to the organisation
    User,
    /// Is no longer an admin
    Admin,
    /// No longer sees the organisation's data
    Acl,
    /// Loses all roles in the organisation
    All,
}

pub(super) async fn run(action: OrgCommand, config: &Config) -> anyhow::Result<ExitCode> {
    let identity = databases::identity(config).await?;
    match action {
        OrgCommand::Add(args) => {
            let admins = find_users(&identity, &args.admin).await?;
            let mut users = find_users(&identity, &args.user).await?;
            users.extend(admins.iter().cloned());
            let org = Org::new(&args.orgname, &args.name, &users, &admins)?;
            ensure!(
                identity.create_org(&org).await?,
                "there is an organisation {} already; `cybexp org info` shows it",
                org.orgname()
            );
            done(&format!("made the organisation {}", org.orgname()));
            anstream::println!("{}", org.hash());
        }
        OrgCommand::List { json } => list(&identity.orgs().await?, json),
        OrgCommand::Del { org, yes } => {
            let org = find_org(&identity, &org).await?;
            let question = format!(
                "Delete the organisation {}? {}",
                org.orgname(),
                holdings(config, &org).await?
            );
            agreed(&question, yes)?;
            identity.delete_org(org.hash()).await?;
            done(&format!("deleted the organisation {}", org.orgname()));
        }
        OrgCommand::Info { org } => {
            let org = find_org(&identity, &org).await?;
            info(&identity, &org).await?;
        }
        OrgCommand::AddUser(args) => {
            let users = find_users(&identity, &args.users).await?;
            let to = match args.to {
                JoinAs::User => Membership::User,
                JoinAs::Admin => Membership::Admin,
                JoinAs::Acl => Membership::Acl,
            };
            change(&identity, &args.org, |org| org.add(to, &users)).await?;
        }
        OrgCommand::DelUser(args) => {
            let users = find_users(&identity, &args.users).await?;
            let users: Vec<Hash> = users.iter().map(User::hash).collect();
            let only = |membership| BTreeSet::from([membership]);
            let remove = |org: &Org| match args.from {
                EndedMembership::User => org.remove(&only(Membership::User), &users),
                EndedMembership::Admin => org.remove(&only(Membership::Admin), &users),
                EndedMembership::Acl => org.remove(&only(Membership::Acl), &users),
                EndedMembership::All => org.expel(&users),
            };
            change(&identity, &args.org, remove).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn change(
    identity: &Identity,
    name: &str,
    change: impl Fn(&Org) -> Result<Org, OrgError>,
) -> anyhow::Result<()> {
    let org = find_org(identity, name).await?;
    if let Some(changed) = identity.change_org(org.hash(), change).await? {
        info(identity, &changed?).await?;
    }
    Ok(())
}

/// Describes the data that an organisation has in archive and cache, and what happens to it without the organisation.
async fn holdings(config: &Config, org: &Org) -> anyhow::Result<String> {
    let (tahoe, cached) = (config.analytics_db()?, config.cache_db()?);
    let server = databases::server(&tahoe, "tahoe.mongo_url").await?;
    let archive = Archive::open(&server, &tahoe.db, &tahoe.coll).await?;
    let server = databases::server(&cached, "cache.mongo_url").await?;
    let cache = Cache::open(&server, &cached.db, &cached.coll).await?;
    let orgid = org.hash().to_string();
    let Holdings { raws, events } = archive.holdings(&orgid).await?;
    let waiting = cache.count_pending_of(&orgid).await?;
    if raws + events + waiting == 0 {
        return Ok("It has no data.".to_owned());
    }
    Ok(format!(
        "It has {raws} raws, {events} events and {waiting} submissions that wait. They stay, and nobody sees them; but \
         whoever belongs to a new organisation of the same name will."
    ))
}

fn list(orgs: &[Org], json: bool) {
    if json {
        let documents: Value = orgs.iter().map(Org::document_without_passwords).collect();
        return anstream::println!("{}", term::json(&documents));
    }
    let mut table = term::table(&["orgname", "name", "users", "admins", "hash"]);
    for org in orgs {
        let (users, admins) = (org.users().len(), org.admins().len());
        table.add_row([
            term::short(org.orgname()),
            term::short(org.name()),
            users.to_string(),
            admins.to_string(),
            term::id(&org.hash().to_string()),
        ]);
    }
    term::align_right(&mut table, 2);
    term::align_right(&mut table, 3);
    anstream::println!("{table}");
}

async fn info(identity: &Identity, org: &Org) -> anyhow::Result<()> {
    let name = term::short(org.name());
    anstream::println!(
        "{BOLD}{}{BOLD:#} {name} {DIM}{}{DIM:#}",
        org.orgname(),
        org.hash()
    );
    let listed: Vec<Hash> = org.acl().iter().copied().collect();
    let guests = identity.users_of(&listed).await?;
    let mut everyone = org.users();
    everyone.extend(
        guests
            .into_iter()
            .filter(|guest| !org.is_user(guest.hash())),
    );
    everyone.sort_by(|a, b| a.email().cmp(b.email()));
    let mut table = term::table(&["e-mail", "admin", "user", "sees data", "hash"]);
    for user in everyone {
        let hash = user.hash();
        let yes = |is: bool| if is { "✓" } else { "" }.to_owned();
        table.add_row([
            term::short(user.email()),
            yes(org.is_admin(hash)),
            yes(org.is_user(hash)),
            yes(org.acl().contains(&hash)),
            term::id(&hash.to_string()),
        ]);
    }
    anstream::println!("{table}");
    Ok(())
}

fn done(what: &str) {
    anstream::eprintln!("{GREEN}✓{GREEN:#} {}", term::line(what));
}
