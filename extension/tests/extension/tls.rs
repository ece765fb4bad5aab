//! X-Ray behind TLS, with a CA of the test's own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::XRay;

/// A CA that issues certificates, and the file with its own.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    bundle: PathBuf,
    _folder: TempDir,
}

impl Ca {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("ca.pem");
        std::fs::write(&bundle, certificate.pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            bundle,
            _folder: folder,
        }
    }

    /// The server's side of TLS for a host, with a certificate that is valid until the end of
    /// this year.
    fn server(&self, host: &str, until: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.unwrap())
    }
}

/// Ends TLS in front of X-Ray.
struct Tls {
    endpoint: String,
    handshakes: Arc<Mutex<Vec<HandshakeKind>>>,
    server: JoinHandle<()>,
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Tls {
    async fn start(config: Arc<ServerConfig>, xray: &XRay) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let handshakes = Arc::new(Mutex::new(Vec::new()));
        let (acceptor, backend) = (TlsAcceptor::from(config), xray.address.clone());
        let seen = Arc::clone(&handshakes);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, backend) = (acceptor.clone(), backend.clone());
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let Ok(mut tls) = acceptor.accept(stream).await else {
                        return;
                    };
                    let kind = tls.get_ref().1.handshake_kind().unwrap();
                    seen.lock().unwrap().push(kind);
                    let mut backend = TcpStream::connect(backend).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut tls, &mut backend).await;
                });
            }
        });
        Self {
            endpoint: format!("https://localhost:{port}"),
            handshakes,
            server,
        }
    }

    fn handshakes(&self) -> Vec<HandshakeKind> {
        self.handshakes.lock().unwrap().clone()
    }
}

/// A function whose extension sends to X-Ray through TLS.
struct Fixture {
    lambda: Lambda,
    extension: Extension,
}

impl Fixture {
    async fn start(tls: &Tls, variables: &[(&str, &Path)]) -> Self {
        let mut lambda = Lambda::start(LambdaOptions::default()).await;
        let mut all = vec![("AWS_ENDPOINT_URL_XRAY", tls.endpoint.as_str())];
        all.extend(
            variables
                .iter()
                .map(|(name, path)| (*name, path.to_str().unwrap())),
        );
        let extension = Extension::start_with(&lambda, "", &all);
        lambda.ready().await;
        lambda.telemetry("[]").await;
        Self { lambda, extension }
    }

    async fn invoke(&mut self, n: u64) {
        let request_id = format!("r-{n}");
        self.lambda.invoke(&request_id, FUNCTION_TIMEOUT).await;
        self.extension.send_document(&id(n));
        self.extension.send_done(&request_id);
        self.lambda.wait_for_next().await;
    }

    async fn shutdown(self) -> String {
        self.lambda.shutdown("SPINDOWN");
        let (status, log) = self.extension.exited().await;
        assert!(status.success(), "{log}");
        log
    }
}

#[tokio::test]
async fn x_ray_behind_the_ca_of_a_bundle_receives_documents() {
    let ca = Ca::new("own");
    for variable in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let mut xray = XRay::start([]).await;
        let tls = Tls::start(ca.server("localhost", 2999), &xray).await;
        let mut fixture = Fixture::start(&tls, &[(variable, &ca.bundle)]).await;
        fixture.invoke(1).await;
        fixture.invoke(2).await;
        assert_eq!(fixture.shutdown().await, "");
        assert_eq!(xray.received().len(), 2);
        assert_eq!(tls.handshakes(), [HandshakeKind::Full], "one connection");
    }
}

#[tokio::test]
async fn the_session_is_resumed_if_the_connection_died_in_a_freeze() {
    let ca = Ca::new("own");
    let mut xray = XRay::start([]).await;
    let tls = Tls::start(ca.server("localhost", 2999), &xray).await;
    let mut fixture = Fixture::start(&tls, &[("AWS_CA_BUNDLE", &ca.bundle)]).await;
    fixture.invoke(1).await;
    fixture.extension.signal("-STOP");
    xray.close_connections();
    fixture.extension.signal("-CONT");
    fixture.invoke(2).await;
    assert_eq!(fixture.shutdown().await, "");
    for n in 1..=2 {
        xray.wait_for(&id(n)).await;
    }
    let handshakes = tls.handshakes();
    assert_eq!(handshakes[0], HandshakeKind::Full);
    let later = &handshakes[1..];
    assert!(!later.is_empty());
    assert!(
        later.iter().all(|kind| *kind == HandshakeKind::Resumed),
        "{handshakes:?}"
    );
}

/// Runs an invocation whose document cannot be sent. Returns the log.
async fn log_of_failure(tls: &Tls, xray: &mut XRay, variables: &[(&str, &Path)]) -> String {
    let mut fixture = Fixture::start(tls, variables).await;
    fixture.invoke(1).await;
    let log = fixture.shutdown().await;
    assert!(xray.received().is_empty(), "{log}");
    assert!(log.contains("1 documents received: 0 sent"), "{log}");
    log
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_refused_with_the_reason() {
    let (ca, foreign) = (Ca::new("own"), Ca::new("foreign"));
    let mut xray = XRay::start([]).await;
    let bundle: [(&str, &Path); 1] = [("AWS_CA_BUNDLE", &ca.bundle)];
    for (server, variables, reason) in [
        (ca.server("localhost", 2021), &bundle[..], "has expired"),
        (
            foreign.server("localhost", 2999),
            &bundle,
            "issuer is unknown; set AWS_CA_BUNDLE",
        ),
        (
            Ca::new("own").server("localhost", 2999),
            &bundle,
            "issuer is unknown; set AWS_CA_BUNDLE",
        ),
        (
            ca.server("localhost", 2999),
            &[],
            "issuer is unknown; set AWS_CA_BUNDLE",
        ),
        (
            ca.server("xray.example", 2999),
            &bundle,
            "is for another host",
        ),
    ] {
        let tls = Tls::start(server, &xray).await;
        let log = log_of_failure(&tls, &mut xray, variables).await;
        assert!(log.contains("cannot reach X-Ray: the certificate"), "{log}");
        assert!(log.contains(reason), "{log}");
    }
}

#[tokio::test]
async fn with_an_unusable_bundle_nothing_is_sent_and_the_function_works() {
    let ca = Ca::new("own");
    let mut xray = XRay::start([]).await;
    let tls = Tls::start(ca.server("localhost", 2999), &xray).await;
    let empty = ca.bundle.with_file_name("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for (path, reason) in [
        (empty.as_path(), "AWS_CA_BUNDLE: no certificate in"),
        (Path::new("/nonexistent.pem"), "AWS_CA_BUNDLE: No such file"),
        (Path::new("/dev/zero"), "AWS_CA_BUNDLE: not a file"),
    ] {
        let log = log_of_failure(&tls, &mut xray, &[("AWS_CA_BUNDLE", path)]).await;
        assert!(log.contains(reason), "{log}");
        assert!(tls.handshakes().is_empty());
    }
}

#[tokio::test]
async fn no_bundle_is_read_before_the_first_next() {
    let ca = Ca::new("own");
    let late = ca.bundle.with_file_name("late.pem");
    let mut xray = XRay::start([]).await;
    let tls = Tls::start(ca.server("localhost", 2999), &xray).await;
    let mut fixture = Fixture::start(&tls, &[("AWS_CA_BUNDLE", &late)]).await;
    // The extension waits for its first event.
    std::fs::rename(&ca.bundle, &late).unwrap();
    fixture.invoke(1).await;
    assert_eq!(fixture.shutdown().await, "");
    assert_eq!(xray.received().len(), 1);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gives_a_line_and_delays_nothing() {
    let ca = Ca::new("own");
    let mut xray = XRay::start([]).await;
    let mut tls = Tls::start(ca.server("localhost", 2999), &xray).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tls.endpoint = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = stream.writable().await;
            let _ = stream.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let log = log_of_failure(&tls, &mut xray, &[("AWS_CA_BUNDLE", &ca.bundle)]).await;
    assert!(log.contains("cannot reach X-Ray"), "{log}");
}
