//! A server of TLS before something that speaks none.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::authority::Issued;

pub(crate) struct Front {
    pub(crate) port: u16,
}

impl Front {
    /// Shows this certificate, and passes what comes on to `inside`, an address with a port.
    pub(crate) async fn open(certificate: &Issued, inside: &str) -> Self {
        let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("both versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("they belong together");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let inside = inside.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, inside) = (acceptor.clone(), inside.clone());
                tokio::spawn(async move {
                    // Who does not trust the certificate is gone by now.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let mut server = TcpStream::connect(inside).await.expect("somebody listens inside");
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { port }
    }
}
