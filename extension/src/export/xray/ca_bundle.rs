use std::io::Read;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// A file of root certificates in PEM, which replaces Mozilla's. `AWS_CA_BUNDLE` replaces the
/// default roots in the AWS CLI and in AWS's SDKs, and `SSL_CERT_FILE` in OpenSSL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaBundle {
    /// The variable that names the file.
    pub variable: &'static str,
    /// The file.
    pub path: PathBuf,
}

/// The most bytes of a bundle. Mozilla's certificates have 0.2 MB.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

impl CaBundle {
    /// Reads the certificates.
    ///
    /// # Errors
    /// The file cannot be read or contains no certificate. As in AWS's SDKs, nothing is then
    /// sent: whoever names a bundle may want other roots not to count.
    pub(super) fn read(&self) -> Result<RootCertStore, String> {
        let failed = |reason: &str| {
            let (variable, path) = (self.variable, self.path.display());
            format!(
                "{variable}: {reason} {path}; name a PEM file with certificates, or remove the variable"
            )
        };
        let pem = read(&self.path).map_err(|error| failed(&format!("{error}:")))?;
        let mut roots = RootCertStore::empty();
        // Certificates that cannot be read are skipped, as in OpenSSL: one of them must not
        // make the others useless.
        let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
        roots.add_parsable_certificates(certificates);
        if roots.is_empty() {
            return Err(failed("no certificate in"));
        }
        Ok(roots)
    }
}

/// Reads a regular file. A pipe could block forever, and with it the function.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: PathBuf) -> String {
        let bundle = CaBundle {
            variable: "AWS_CA_BUNDLE",
            path,
        };
        bundle.read().unwrap_err()
    }

    #[test]
    fn a_bundle_without_a_certificate_is_an_error_with_its_variable_and_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let missing = read(path.clone());
        assert!(
            missing.starts_with("AWS_CA_BUNDLE: No such file"),
            "{missing}"
        );
        for text in [
            "",
            "not PEM",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(path.clone());
            assert!(
                error.starts_with("AWS_CA_BUNDLE: no certificate in /"),
                "{error}"
            );
            assert!(error.contains("ca.pem; name a PEM file"), "{error}");
        }
        let folder = read(folder.path().to_owned());
        assert!(
            folder.starts_with("AWS_CA_BUNDLE: not a file: /"),
            "{folder}"
        );
    }
}
