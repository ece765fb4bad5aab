//! `make bench`: three figures, each as a ratio to a named peer that ran in turn with it.

mod put;
mod start;
mod statistics;
mod subsegment;

use std::path::PathBuf;

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [extension, bare, xray_local, moto] = arguments.as_slice() else {
        eprintln!("usage: xray-lambda-benches EXTENSION BARE-EXTENSION XRAY-LOCAL MOTO-SERVER");
        std::process::exit(2);
    };
    let rows = [
        start::run(extension, bare),
        subsegment::subsegment(),
        subsegment::span(),
        subsegment::unsampled(),
        put::run(xray_local, moto),
    ];
    println!("\n{:<58} {:>14} {:>14} {:>10}", "", "ours", "peer", "ratio");
    for row in rows {
        println!(
            "{:<58} {:>14} {:>14} {:>10}",
            row.what,
            format!("{:.3} {}", row.ours, row.unit),
            format!("{:.3} {}", row.peer, row.unit),
            format!("{:.2} x", row.ours / row.peer),
        );
    }
    println!("\nMedians; ratio = ours / peer of the same run.");
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    pub(crate) peer: f64,
}
