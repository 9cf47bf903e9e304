# A minimum above 0 would cache what says no-store, too. Without a header nothing is cached.
resource "aws_cloudfront_cache_policy" "assets" {
  name        = "carillon-assets"
  comment     = "Addresses that carry their content's hash: 30 days here, a year in browsers"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 2592000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_cache_policy" "pages" {
  name        = "carillon-pages"
  comment     = "The documentation: as long as the service says, 5 minutes at most"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 300

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

data "aws_cloudfront_cache_policy" "nothing" {
  name = "Managed-CachingDisabled"
}

# Authorization is among what the viewer sent; Host is the origin's, for its certificate.
data "aws_cloudfront_origin_request_policy" "everything" {
  name = "Managed-AllViewerExceptHostHeader"
}

# The service's own headers (Content-Security-Policy, Referrer-Policy) are left as they are.
resource "aws_cloudfront_response_headers_policy" "security" {
  name    = "carillon-security"
  comment = "HTTPS only, and types as they are said"

  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = true
    }
    content_type_options {
      override = true
    }
  }
}
