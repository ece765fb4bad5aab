//! The figures of `make bench`, each with its ratio to a named peer that runs in turn with it.

mod flush;
mod intake;
mod put;
mod start;
mod statistics;
mod subsegment;

use std::path::PathBuf;

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [extension, bare, floor, xray_local, moto] = arguments.as_slice() else {
        eprintln!(
            "usage: xray-lambda-benches EXTENSION BARE-EXTENSION BARE-STD XRAY-LOCAL MOTO-SERVER"
        );
        std::process::exit(2);
    };
    let mut rows = Vec::from(start::run(extension, bare, floor));
    rows.extend(flush::run(extension));
    rows.extend(intake::run(extension));
    rows.push(subsegment::subsegment());
    rows.push(subsegment::span());
    rows.push(subsegment::unsampled());
    rows.push(put::run(xray_local, moto));
    println!("| figure (peer) | ours | peer | ours / peer |\n|---|---:|---:|---:|");
    for Row {
        what,
        unit,
        ours,
        peer,
    } in rows
    {
        let digits = if ours < 100.0 { 3 } else { 0 };
        println!(
            "| {what} | {ours:.digits$} {unit} | {peer:.digits$} {unit} | {:.2} |",
            ours / peer
        );
    }
    println!("\nMedians of one run, in turn with the peer.");
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    pub(crate) peer: f64,
}
