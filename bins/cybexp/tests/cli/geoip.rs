//! `cybexp geoip`: databases of networks.

use std::fs;
use std::process::Command;

use crate::{CYBEXP, CommandOutput, run};

fn geoip(args: &[&str]) -> CommandOutput {
    run(Command::new(CYBEXP).arg("geoip").args(args), "")
}

#[test]
fn a_package_file_is_installed_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir(folder.path().join("package")).unwrap();
    let rows = "203.0.113.0,203.0.113.255,64496,\"Example, Inc.\"\n";
    fs::write(folder.path().join("package/asn-ipv4.csv"), rows).unwrap();
    fs::write(
        folder.path().join("package/asn-ipv6.csv"),
        "2001:db8::,2001:db8::ffff,64497,Six\n",
    )
    .unwrap();
    let package = path("asn.tgz");
    let pack = || {
        let mut tar = Command::new("tar");
        tar.arg("-czf").arg(&package);
        tar.arg("-C").arg(folder.path()).arg("package");
        assert!(tar.status().unwrap().success());
    };
    pack();

    let (dir, csv) = (path("geoip"), path("geoip/asn-ipv4.csv"));
    let out = geoip(&["fetch", "asn", "--from", &package, "--dir", &dir]).good();
    for told in ["@ip-location-db/asn", "CC BY 4.0", &csv, "\"analytics\""] {
        assert!(out.contains(told), "{told}\n{out}");
    }
    let out = geoip(&["show", "203.0.113.9", "--geoip", &csv]).good();
    assert_eq!(
        out,
        "asn 64496\nasn_name Example, Inc.\ncidr 203.0.113.0/24\n"
    );
    let told = geoip(&["show", "192.0.2.1", "--geoip", &csv]);
    assert!(
        told.code == 1 && told.err.contains("no database knows 192.0.2.1"),
        "{}",
        told.err
    );

    // what is no database is not put into place
    fs::write(
        folder.path().join("package/asn-ipv4.csv"),
        "not,a,database\nnor,this,one\n",
    )
    .unwrap();
    pack();
    let told = geoip(&["fetch", "asn", "--from", &package, "--dir", &dir]);
    assert!(
        told.code == 1 && told.err.contains("is no address"),
        "{}",
        told.err
    );
    assert_eq!(fs::read_to_string(&csv).unwrap(), rows);
}
