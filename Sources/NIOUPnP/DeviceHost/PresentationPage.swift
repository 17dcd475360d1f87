import HTTPTypes
import NIOCore
import UPnP

/// The page that every root device has for free: what it is, what it can do, and how it is at the moment.
///
/// It has neither scripts nor forms and changes nothing, so that there is nothing to trick somebody's browser
/// into. All texts are escaped, and the browser is told to load nothing but the icon.
struct PresentationPage {
    let root: HostRoutes.Root

    static func headers(nonce: String) -> HTTPFields {
        var headers: HTTPFields = [
            .contentType: "text/html; charset=utf-8", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: "default-src 'none'; img-src 'self'; style-src 'nonce-\(nonce)'; "
                + "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        ]
        for (name, value) in [("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY")] {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        return headers
    }

    func html(nonce: String) -> String {
        let device = root.description
        return """
            <!DOCTYPE html>
            <html>
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>\(Self.escaped(device.friendlyName))</title>
            <style nonce="\(nonce)">
            body { font: 16px sans-serif; max-width: 45em; margin: 2em auto; padding: 0 1em; color: #222; }
            table { border-collapse: collapse; width: 100%; }
            td, th { border-top: 1px solid #ccc; padding: .3em .5em; text-align: left; vertical-align: top; \
            overflow-wrap: anywhere; }
            small { color: #666; }
            img { float: right; max-width: 96px; }
            </style>
            </head>
            <body>
            \(section(device, root.device, level: 1))<p><a href="">Refresh</a></p>
            </body>
            </html>

            """
    }

    private func section(_ device: DeviceDescription, _ hosted: HostedDevice, level: Int) -> String {
        let heading = "h\(min(level, 4))"
        var html = ""
        if let icon = device.icons.first { html += "<img src=\"\(Self.escaped(icon.url))\" alt=\"\">\n" }
        html += "<\(heading)>\(Self.escaped(device.friendlyName))</\(heading)>\n<table>\n"
        let facts: [(String, String?)] = [
            ("Manufacturer", device.manufacturer), ("Model", device.modelName), ("Number", device.modelNumber),
            ("Description", device.modelDescription), ("Serial number", device.serialNumber),
            ("Type", device.deviceType), ("Name", device.udn),
        ]
        for (name, value) in facts {
            if let value { html += "<tr><th>\(name)</th><td>\(Self.escaped(value))</td></tr>\n" }
        }
        html += "</table>\n"
        for service in hosted.services { html += table(of: service) }
        for (embedded, hosted) in zip(device.devices, hosted.devices) {
            html += section(embedded, hosted, level: level + 1)
        }
        return html
    }

    private func table(of service: HostedService) -> String {
        var html = "<h4>\(Self.escaped(service.serviceID.split(separator: ":").last.map(String.init) ?? ""))</h4>\n"
        html += "<p><small>\(Self.escaped(service.serviceType))</small></p>\n<table>\n"
        for variable in service.scpd.eventedVariables {
            let value = String((service[variable.name] ?? "").prefix(Self.longestValue))
            html += "<tr><th>\(Self.escaped(variable.name))</th><td>\(Self.escaped(value))</td></tr>\n"
        }
        let actions = service.scpd.actions.map(\.name).joined(separator: ", ")
        html += "<tr><th>Actions</th><td>\(Self.escaped(actions))</td></tr>\n</table>\n"
        return html
    }

    private static let longestValue = 2000

    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
