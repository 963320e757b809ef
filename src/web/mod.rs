//! Placeholder while the pages are built elsewhere.
use crate::app::App;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
/// Serves.
pub async fn serve(listener: TcpListener, app: App, stop: CancellationToken) -> anyhow::Result<()> {
    let _ = (listener, app);
    stop.cancelled().await;
    Ok(())
}
/// Serves the demo.
pub async fn serve_demo(
    listener: TcpListener,
    app: App,
    mailbox: crate::demo::mailbox::Mailbox,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let _ = mailbox;
    serve(listener, app, stop).await
}
