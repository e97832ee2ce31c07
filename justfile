# Tasks in one place; `just` lists them. Each is a line that can be run without just, too.

_list:
    @just --list --unsorted

# the suite at work on sample data
demo:
    cargo run --bin cybexp -- demo

# the tests of a crate, or of all with `just test --workspace`
test +args:
    cargo test {{ if args =~ '^-' { args } else { "-p " + args } }}

# writes the expected results of the filters' cases anew; read them before you commit
fixtures:
    UPDATE_FIXTURES=1 cargo test -p cybexp-filters
    git diff --stat tests/fixtures

# formats and lints
tidy:
    cargo fmt --all
    cargo clippy --workspace --all-targets --locked -- -D warnings

# the gate that every change passes: 25 minutes
gate:
    .ci/run

# licences, sources and known faults of what the suite is made of
supply:
    .ci/supply

# fuzz targets with libFuzzer, so many seconds each
fuzz seconds="60" *targets:
    fuzz/run {{ seconds }} {{ targets }}

# packages: the programs, their bill of materials, and checksums, in the folder `out`
dist out="dist":
    .ci/dist {{ out }}
