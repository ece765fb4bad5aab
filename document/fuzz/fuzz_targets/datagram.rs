#![no_main]
//! Any bytes are read as a datagram or rejected. A datagram reads back as it was written, and
//! its document is read or rejected.

use libfuzzer_sys::fuzz_target;
use xray_document::{Datagram, Document};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(datagram) = Datagram::parse(bytes) {
        let mut written = Vec::new();
        datagram.write_to(&mut written);
        assert_eq!(Datagram::parse(&written), Ok(datagram));
        if let Datagram::Document(json) = datagram {
            let _ = Document::parse(json);
        }
    }
});
