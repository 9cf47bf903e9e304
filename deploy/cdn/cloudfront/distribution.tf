locals {
  group = "any"

  # The first that matches counts; what none matches is the default's.
  cached = {
    "/assets/*"     = aws_cloudfront_cache_policy.assets.id
    "/docs"         = aws_cloudfront_cache_policy.pages.id
    "/favicon.ico"  = aws_cloudfront_cache_policy.pages.id
    "/openapi.json" = aws_cloudfront_cache_policy.pages.id
  }
}

resource "aws_cloudfront_distribution" "carillon" {
  comment         = "Carillon"
  enabled         = true
  aliases         = [var.hostname]
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = var.price_class

  dynamic "origin" {
    for_each = var.origins

    content {
      origin_id   = origin.value
      domain_name = origin.value

      custom_origin_config {
        http_port                = 80
        https_port               = 443
        origin_protocol_policy   = "https-only"
        origin_ssl_protocols     = ["TLSv1.2"]
        origin_keepalive_timeout = 60 # Shorter than KEEP_ALIVE_SECONDS: who sends requests is the one to hang up.
        origin_read_timeout      = 60
      }

      origin_shield {
        enabled              = true
        origin_shield_region = var.shield_region
      }
    }
  }

  # Only what is read may be asked of a second origin: a POST has no way to a group.
  origin_group {
    origin_id = local.group

    failover_criteria {
      status_codes = [500, 502, 503, 504]
    }
    member {
      origin_id = var.origins[0]
    }
    member {
      origin_id = var.origins[1]
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.cached

    content {
      path_pattern               = ordered_cache_behavior.key
      target_origin_id           = local.group
      allowed_methods            = ["GET", "HEAD"]
      cached_methods             = ["GET", "HEAD"]
      cache_policy_id            = ordered_cache_behavior.value
      response_headers_policy_id = aws_cloudfront_response_headers_policy.security.id
      viewer_protocol_policy     = "redirect-to-https"
      compress                   = true

      function_association {
        event_type   = "viewer-request"
        function_arn = aws_cloudfront_function.gate.arn
      }
    }
  }

  # The API, health and whatever else.
  default_cache_behavior {
    target_origin_id           = var.origins[0]
    allowed_methods            = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cached_methods             = ["GET", "HEAD"]
    cache_policy_id            = data.aws_cloudfront_cache_policy.nothing.id
    origin_request_policy_id   = data.aws_cloudfront_origin_request_policy.everything.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.security.id
    viewer_protocol_policy     = "https-only" # A redirect would come after the key went out in plain text.
    compress                   = true

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.gate.arn
    }
  }

  # Else errors are kept for 10 s, the API's among them.
  dynamic "custom_error_response" {
    for_each = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn      = var.certificate_arn
    minimum_protocol_version = "TLSv1.2_2021"
    ssl_support_method       = "sni-only"
  }
}

resource "aws_cloudfront_function" "gate" {
  name    = "carillon-gate"
  comment = "Keeps metrics inside, and addresses that the service would read otherwise out"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = file("${path.module}/gate.js")
}

output "domain_name" {
  description = "Where hostname's CNAME (or alias) leads."
  value       = aws_cloudfront_distribution.carillon.domain_name
}
