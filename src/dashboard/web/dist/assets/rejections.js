import{$ as e,D as t,G as n,J as r,O as i,Q as a,U as o,W as s,X as c,_ as l,a as u,c as d,d as f,f as p,i as m,l as h,m as g,n as _,o as v,p as y,q as b,r as x,s as S,t as C,u as w,w as T,y as E}from"./shared.js";var D={WALK_INS:`Walk-ins whom nobody checks in`,MID_STREAM:`Switched on in mid-stream`,OVERTAKING:`Deliveries overtake each other`};function O({source:t,pattern:n,explanation:r,setting:i}){let a=`[[source]]\nname = "${t}"\n${i}`,o=`advice-${t}-${n}`;return e`<section class="panel advice" aria-labelledby=${o} data-pattern=${n} data-source=${t}>
    <h2 id=${o}>
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        <path d="M8 1.5a4.5 4.5 0 0 1 2.5 8.2V12h-5V9.7A4.5 4.5 0 0 1 8 1.5ZM6 14.5h4" />
      </svg>
      ${D[n]} <span class="amount">${t}</span>
    </h2>
    <p>${v(r)}</p>
    <p class="quiet">The setting in the configuration:</p>
    <div class="setting">
      <pre tabindex="0" aria-label="Setting for ${t}">${a}</pre>
      <copy-button .text=${i} .what=${`the setting ${i}`}></copy-button>
    </div>
  </section>`}var k=[`REJECTED`,`UNRECOGNIZED`,`UNREADABLE`],A=[`NOT_CREATED`,`STATUS_NOT_ALLOWED`,`STEP_NOT_DONE`,`STEP_NOT_LAST`,`UNKNOWN_EVENT_TYPE`,`NOT_JSON`,`NOT_AN_OBJECT`,`FIELD_REPEATED`,`APPOINTMENT_ID_MISSING`,`APPOINTMENT_ID_INVALID`,`EVENT_TYPE_MISSING`,`EVENT_TYPE_INVALID`,`MEDIA_TYPE`,`CONTENT_CODING`],j=25;async function M({source:e,from:t,to:n},r){let{rejections:i}=await s(`query Rejections($source: String, $from: DateTime!, $to: DateTime!) {
    rejections(source: $source, from: $from, to: $to) {
      groups { source outcome code eventType count firstReceivedAt lastReceivedAt lastPosition explanation }
      advice { source pattern count explanation setting }
    }
  }`,{source:e,from:P(t),to:P(n)},r);return i}async function N({source:e,outcome:t,code:n,from:r,to:i},a,o){let c=`query Deliveries($filter: DeliveryFilter!, $last: Int!, $before: String) {
    deliveries(filter: $filter, last: $last, before: $before) {
      nodes { ...Delivery }
      pageInfo { hasPreviousPage startCursor }
    }
  } ${S}`,l={source:e,outcome:t?[t]:k,code:n?[n]:null,receivedAt:{from:P(r),to:P(i)}},{deliveries:u}=await s(c,{filter:l,last:j,before:a},o),{nodes:d,pageInfo:f}=u;return{deliveries:d.reverse(),older:f.hasPreviousPage?f.startCursor:null}}function P(e){return new Date(e).toISOString()}function F({groups:t},n,r,i){let a=t.filter(({outcome:e,code:t})=>(!n.outcome||e===n.outcome)&&(!n.code||t===n.code)),o=a.reduce((e,t)=>e+t.count,0);return e`<section aria-labelledby="groups-title">
    <h2 id="groups-title">By source and code <span class="amount">${l(o,`delivery`,`deliveries`)}</span></h2>
    ${a.length===0?e`<p class="notice">Nothing of this kind arrived in this time.</p>`:e`<table class="groups">
          <thead>
            <tr>
              <th scope="col" class="number">Count</th>
              <th scope="col">Source</th>
              <th scope="col">What and why</th>
              <th scope="col">First and last</th>
            </tr>
          </thead>
          <tbody>
            ${a.map(e=>I(e,r,i))}
          </tbody>
        </table>`}
  </section>`}function I(t,n,r){let{source:i,outcome:a,code:o,eventType:s,count:c,firstReceivedAt:l,lastReceivedAt:u,explanation:d}=t;return e`<tr data-code=${o} data-event=${s??``} data-source=${i}>
    <td class="number" data-label="Count">${c.toLocaleString(`en-US`)}</td>
    <td data-label="Source">${i}</td>
    <td class="why">
      <p class="what">
        <b>${s?E(s):a===`UNREADABLE`?`A body that can’t be read`:`An event type that is not known`}</b>
        ${w(a)} <a href=${r({source:i,code:o})}><code>${o}</code><span class="unseen"> of ${i} only</span></a>
      </p>
      <p>${v(d)}</p>
    </td>
    <td class="times" data-label="First and last">${T(l,n)}<br />${T(u,n)}</td>
  </tr>`}function L(t,n,r,i,o){let s=t.flatMap(e=>e.deliveries);return s.length===0?a:e`<section aria-labelledby="list-title">
    <h2 id="list-title">Deliveries <span class="amount">newest first</span></h2>
    ${n.isAdmin?a:e`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    <ol class="rejected">
      ${m(s,({position:e})=>e,e=>R(e,n,r))}
    </ol>
    ${t.at(-1)?.older?e`<button type="button" class="older" ?disabled=${i} @click=${o}>Show older deliveries</button>`:e`<p class="quiet">These are all.</p>`}
  </section>`}function R(t,n,r){let{source:i,appointmentId:o,position:s,code:l,reason:u}=t,f=o&&c(`appointment/${encodeURIComponent(i)}/${encodeURIComponent(o)}`);return e`<li class="panel delivery" data-position=${s} data-outcome=${t.outcome}>
    <p class="what">
      <span class="said">${y(t)}</span> ${w(t.outcome)}
      ${l?e`<code>${l}</code>`:a}
      <span class="to">${i} · delivery ${s}</span>
    </p>
    <p class="when">${d(t,r)} ${o?g(t):a}</p>
    ${u?e`<p class="reason">${v(u)}</p>`:a}
    ${f?p(t,e=>`${f}?at=${e}`).map(t=>e`<p class="remark">${t}</p>`):a}
    ${f?e`<p><a href="${f}?at=${s}">Appointment ${o} after it</a></p>`:e`<p class="quiet">It names no appointment.</p>`}
    ${h(t,n.isAdmin)}
  </li>`}var z=5e3,B=class extends r{static{this.properties={route:{attribute:!1}}}#e=null;#t=null;#n=null;#r=null;#i=[];#a=null;#o=!1;#s=new AbortController;#c;#l=0;disconnectedCallback(){super.disconnectedCallback(),clearTimeout(this.#c),this.#s.abort()}willUpdate(e){e.has(`route`)&&this.#f()}render(){return e`<div class="page rejections-page">
      <h1 tabindex="-1">Rejected and unreadable</h1>
      ${this.#e&&this.#n&&this.#t?this.#u(this.#e,this.#n,this.#t):a}
      ${this.#a?e`<p class="notice" role="alert">${this.#a}</p>`:a}
      ${this.#e||this.#a?a:e`<p class="quiet">Loading…</p>`}
    </div>`}#u(t,n,r){let o=i(t,r.source),s=this.#r,c=t.sources.map(({name:e})=>[e,e]);return e`<form class="asked" aria-label="What is shown" @submit=${e=>e.preventDefault()}>
        ${_(n,o)} ${C(`source`,`Source`,`all sources`,c,r.source)}
        ${C(`outcome`,`Outcome`,`all three`,k.map(e=>[e,f(e)]),r.outcome)}
        ${C(`code`,`Code`,`all codes`,A.map(e=>[e,e]),r.code)}
        <button type="button" @click=${()=>void this.#f()} ?disabled=${this.#o}>Load again</button>
      </form>
      <p class="meta" role="status">Times in ${o}.${this.#o?` Loading…`:a}</p>
      ${n.error?e`<p class="notice" role="alert">${n.error}</p>`:a}
      ${s?e`${s.advice.map(e=>O(e))} ${F(s,r,o,this.#d)}
            ${L(this.#i,t,o,this.#o,()=>void this.#p())}`:a}`}#d=e=>{let t=new URL(this.route.url);for(let[n,r]of Object.entries(e))t.searchParams.set(n,r);return t.pathname+t.search};async#f(){clearTimeout(this.#c),this.#s.abort(),this.#s=new AbortController;let{signal:e}=this.#s;await this.#m(e,async()=>{let n=this.#e??await t(),r=e=>this.route.url.searchParams.get(e),a=r(`source`),o=b.now(),s=x(this.route.url,i(n,a),o,`24h`),c=s.name===`own`?s.to:o+z,l={source:a,outcome:r(`outcome`),code:r(`code`),from:s.from,to:c};if([this.#e,this.#n,this.#t]=[n,s,l],s.error){[this.#r,this.#i]=[null,[]];return}this.requestUpdate();let[u,d]=await Promise.all([M(l,e),N(l,null,e)]);e.aborted||([this.#r,this.#i]=[u,[d]])})}async#p(){let[e,t,{signal:n}]=[this.#i.at(-1)?.older,this.#t,this.#s];!e||!t||this.#o||await this.#m(n,async()=>{let r=await N(t,e,n);n.aborted||(this.#i=[...this.#i,r])})}async#m(e,t){this.#o=!0,this.requestUpdate();try{await t(),e.aborted||([this.#a,this.#l]=[null,0])}catch(t){if(e.aborted)return;this.#a=n(t),t instanceof o&&t.passes&&(this.#c=setTimeout(()=>void this.#f(),u(this.#l++))),[this.#r,this.#i]=[null,[]]}e.aborted||(this.#o=!1,this.requestUpdate())}};customElements.define(`clockfold-rejections`,B);export{B as RejectionsPage};