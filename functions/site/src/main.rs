use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let host = runtime::start();
    let app = site::App::connect(&host)?;
    lambda_http::run(site::router(app)).await
}
