//! Reports about an item, which the handler requests from the API like any other client.

use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, Request, RequestExt as _, Response};
use reqwest::{StatusCode, Url};
use reqwest_middleware::ClientWithMiddleware;
use serde_json::json;
use xray_lambda::{current, subsegment};

use crate::items::Item;
use crate::json_response;

/// The handler, with an HTTP client and the address of the API.
#[derive(Debug, Clone)]
pub struct Reports {
    http: ClientWithMiddleware,
    /// `None` means the API that the request came through.
    api_url: Option<String>,
}

impl Reports {
    /// Makes a handler. Without `api_url`, it calls the API that the request came through.
    pub fn new(http: ClientWithMiddleware, api_url: Option<String>) -> Self {
        Self {
            http,
            api_url: api_url.filter(|url| !url.is_empty()),
        }
    }

    /// Handles `GET /reports/{pk}`.
    ///
    /// # Errors
    /// The API is unreachable or returns an error.
    pub async fn handle(&self, request: &Request) -> Result<Response<Body>, Error> {
        let parameters = request.path_parameters();
        let Some(pk) = parameters.first("pk").filter(|pk| !pk.trim().is_empty()) else {
            current().set_error();
            return json_response(400, &json!({ "error": "Missing pk" }));
        };
        let url = self.item_url(request, pk)?;
        subsegment("build_report")
            .annotate("pk", pk)
            .capture(self.build_report(url, pk))
            .await
    }

    async fn build_report(&self, url: Url, pk: &str) -> Result<Response<Body>, Error> {
        let response = self.http.get(url).send().await?;
        match response.status() {
            StatusCode::OK => {
                let item: Item = serde_json::from_slice(&response.bytes().await?)?;
                current().annotate("tenant", &item.tenant);
                json_response(200, &report(&item))
            }
            StatusCode::NOT_FOUND => json_response(404, &json!({ "error": "Not found", "pk": pk })),
            status => Err(format!("the API returned {status} for item {pk}").into()),
        }
    }

    /// The item's URL. The faults that the request asks for are injected there.
    fn item_url(&self, request: &Request, pk: &str) -> Result<Url, Error> {
        let base = self.api_url.clone().or_else(|| origin(request));
        let base =
            base.ok_or("the event has no domain name; set API_URL to the address of the API")?;
        let mut url = Url::parse(&base)?;
        url.path_segments_mut()
            .map_err(|()| {
                format!("{base} is not the address of an API; set API_URL to an http or https URL")
            })?
            .pop_if_empty()
            .extend(["items", pk]);
        let query = request.query_string_parameters();
        let faults = ["fail", "delayMs"]
            .into_iter()
            .filter_map(|name| Some((name, query.first(name)?)));
        for (name, value) in faults {
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(url)
    }
}

/// The report about an item.
fn report(item: &Item) -> serde_json::Value {
    json!({
        "pk": item.pk,
        "tenant": item.tenant,
        "createdAt": item.created_at,
        "messageLength": item.message.chars().count(),
    })
}

/// The address of the API that the request came through: its domain, and the part of the
/// path before the route, such as the stage.
fn origin(request: &Request) -> Option<String> {
    let (domain, path) = match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => {
            (context.domain_name.as_ref()?, context.path.as_ref()?)
        }
        RequestContext::ApiGatewayV2(context) => {
            (context.domain_name.as_ref()?, context.http.path.as_ref()?)
        }
        _ => return None,
    };
    let scheme = request
        .headers()
        .get("x-forwarded-proto")
        .and_then(|proto| proto.to_str().ok());
    let prefix = path
        .rsplit_once("/reports/")
        .map_or("", |(prefix, _)| prefix);
    Some(format!("{}://{domain}{prefix}", scheme.unwrap_or("https")))
}

#[cfg(test)]
mod tests {
    use lambda_http::request::from_str;

    use super::*;

    fn reports(api_url: Option<&str>) -> Reports {
        Reports::new(crate::clients::http().unwrap(), api_url.map(str::to_owned))
    }

    fn rest(domain: &str, path: &str, proto: &str) -> Request {
        let event = json!({
            "resource": "/reports/{pk}", "path": "/reports/7", "httpMethod": "GET",
            "headers": { "X-Forwarded-Proto": proto }, "multiValueHeaders": {},
            "queryStringParameters": null, "multiValueQueryStringParameters": null,
            "pathParameters": { "pk": "7" }, "stageVariables": null, "isBase64Encoded": false, "body": null,
            "requestContext": {
                "accountId": "1", "resourceId": "r", "stage": "Prod", "domainName": domain, "path": path,
                "requestId": "1", "httpMethod": "GET", "resourcePath": "/reports/{pk}", "apiId": "a",
                "identity": { "sourceIp": "127.0.0.1" }, "requestTimeEpoch": 0
            }
        });
        from_str(&event.to_string()).unwrap()
    }

    #[test]
    fn the_address_comes_from_the_request() {
        let url = |request: &Request| reports(None).item_url(request, "7").unwrap().to_string();
        let aws = rest(
            "a.execute-api.eu-central-1.amazonaws.com",
            "/Prod/reports/7",
            "https",
        );
        assert_eq!(
            url(&aws),
            "https://a.execute-api.eu-central-1.amazonaws.com/Prod/items/7"
        );
        let local = rest("127.0.0.1:3000", "/reports/7", "http");
        assert_eq!(url(&local), "http://127.0.0.1:3000/items/7");
    }

    #[test]
    fn the_address_comes_from_an_http_apis_request_too() {
        let event = json!({
            "version": "2.0", "routeKey": "GET /reports/{pk}", "rawPath": "/dev/reports/7", "rawQueryString": "",
            "headers": { "x-forwarded-proto": "https" }, "pathParameters": { "pk": "7" },
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "api.example.com", "stage": "dev", "requestId": "1",
                "timeEpoch": 0,
                "http": { "method": "GET", "path": "/dev/reports/7", "protocol": "HTTP/1.1" }
            },
            "isBase64Encoded": false
        });
        let request = from_str(&event.to_string()).unwrap();
        let url = reports(None).item_url(&request, "7").unwrap();
        assert_eq!(url.as_str(), "https://api.example.com/dev/items/7");
    }

    #[test]
    fn a_configured_address_wins_and_the_pk_is_escaped() {
        let reports = reports(Some("http://localhost:3000/base/"));
        let url = reports.item_url(&Request::default(), "a/b ?").unwrap();
        assert_eq!(url.as_str(), "http://localhost:3000/base/items/a%2Fb%20%3F");
    }

    #[test]
    fn faults_are_passed_on_to_the_item() {
        let query = [("delayMs".to_owned(), vec!["800".to_owned()])].into();
        let request = Request::default()
            .with_query_string_parameters::<std::collections::HashMap<_, _>>(query);
        let url = reports(Some("http://localhost:3000"))
            .item_url(&request, "7")
            .unwrap();
        assert_eq!(url.as_str(), "http://localhost:3000/items/7?delayMs=800");
    }

    #[test]
    fn without_a_domain_the_error_names_the_variable_to_set() {
        let error = reports(None)
            .item_url(&Request::default(), "7")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the event has no domain name; set API_URL to the address of the API"
        );
    }

    #[tokio::test]
    async fn an_unreachable_api_is_an_error_and_a_missing_pk_is_not() {
        let reports = reports(Some("http://127.0.0.1:9"));
        let missing = reports.handle(&Request::default()).await.unwrap();
        assert_eq!(missing.status(), 400);
        let request = rest("ignored", "/reports/7", "http");
        assert!(reports.handle(&request).await.is_err());
    }
}
