import{B as e,E as t,K as n,S as r,T as i,U as a,V as o,W as s,a as c,c as l,d as u,f as d,g as f,i as p,l as m,n as h,o as g,p as _,q as v,r as y,s as b,t as x,u as S,v as C}from"./shared.js";var w={WALK_INS:`Walk-ins whom nobody checks in`,MID_STREAM:`Switched on in mid-stream`,OVERTAKING:`Deliveries overtake each other`};function T({source:e,pattern:t,explanation:n,setting:r}){let i=`[[source]]\nname = "${e}"\n${r}`,a=`advice-${e}-${t}`;return v`<section class="panel advice" aria-labelledby=${a} data-pattern=${t} data-source=${e}>
    <h2 id=${a}>
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        <path d="M8 1.5a4.5 4.5 0 0 1 2.5 8.2V12h-5V9.7A4.5 4.5 0 0 1 8 1.5ZM6 14.5h4" />
      </svg>
      ${w[t]} <span class="amount">${e}</span>
    </h2>
    <p>${c(n)}</p>
    <p class="quiet">The setting in the configuration:</p>
    <div class="setting">
      <pre tabindex="0" aria-label="Setting for ${e}">${i}</pre>
      <copy-button .text=${r} .what=${`the setting ${r}`}></copy-button>
    </div>
  </section>`}var E=[`REJECTED`,`UNRECOGNIZED`,`UNREADABLE`],D=[`NOT_CREATED`,`STATUS_NOT_ALLOWED`,`STEP_NOT_DONE`,`STEP_NOT_LAST`,`UNKNOWN_EVENT_TYPE`,`NOT_JSON`,`NOT_AN_OBJECT`,`FIELD_REPEATED`,`APPOINTMENT_ID_MISSING`,`APPOINTMENT_ID_INVALID`,`EVENT_TYPE_MISSING`,`EVENT_TYPE_INVALID`],O=25;async function k({source:t,from:n,to:r},i){let{rejections:a}=await e(`query Rejections($source: String, $from: DateTime!, $to: DateTime!) {
    rejections(source: $source, from: $from, to: $to) {
      groups { source outcome code eventType count firstReceivedAt lastReceivedAt lastPosition explanation }
      advice { source pattern count explanation setting }
    }
  }`,{source:t,from:j(n),to:j(r)},i);return a}async function A({source:t,outcome:n,code:r,from:i,to:a},o,s){let c=`query Deliveries($filter: DeliveryFilter!, $last: Int!, $before: String) {
    deliveries(filter: $filter, last: $last, before: $before) {
      nodes { ...Delivery }
      pageInfo { hasPreviousPage startCursor }
    }
  } ${g}`,l={source:t,outcome:n?[n]:E,code:r?[r]:null,receivedAt:{from:j(i),to:j(a)}},{deliveries:u}=await e(c,{filter:l,last:O,before:o},s),{nodes:d,pageInfo:f}=u;return{deliveries:d.reverse(),older:f.hasPreviousPage?f.startCursor:null}}function j(e){return new Date(e).toISOString()}function M({groups:e},t,n,r){let i=e.filter(({outcome:e,code:n})=>(!t.outcome||e===t.outcome)&&(!t.code||n===t.code)),a=i.reduce((e,t)=>e+t.count,0);return v`<section aria-labelledby="groups-title">
    <h2 id="groups-title">By source and code <span class="amount">${f(a,`delivery`,`deliveries`)}</span></h2>
    ${i.length===0?v`<p class="notice">Nothing of this kind arrived in this time.</p>`:v`<table class="groups">
          <thead>
            <tr>
              <th scope="col" class="number">Count</th>
              <th scope="col">Source</th>
              <th scope="col">What and why</th>
              <th scope="col">First and last</th>
            </tr>
          </thead>
          <tbody>
            ${i.map(e=>N(e,n,r))}
          </tbody>
        </table>`}
  </section>`}function N(e,t,n){let{source:i,outcome:a,code:o,eventType:s,count:l,firstReceivedAt:u,lastReceivedAt:d,explanation:f}=e;return v`<tr data-code=${o} data-event=${s??``} data-source=${i}>
    <td class="number" data-label="Count">${l.toLocaleString(`en-US`)}</td>
    <td data-label="Source">${i}</td>
    <td class="why">
      <p class="what">
        <b>${s?C(s):a===`UNREADABLE`?`A body that can’t be read`:`An event type that is not known`}</b>
        ${m(a)} <a href=${n({source:i,code:o})}><code>${o}</code><span class="unseen"> of ${i} only</span></a>
      </p>
      <p>${c(f)}</p>
    </td>
    <td class="times" data-label="First and last">${r(u,t)}<br />${r(d,t)}</td>
  </tr>`}function P(e,t,r,i,a){let o=e.flatMap(e=>e.deliveries);return o.length===0?n:v`<section aria-labelledby="list-title">
    <h2 id="list-title">Deliveries <span class="amount">newest first</span></h2>
    ${t.isAdmin?n:v`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    <ol class="rejected">
      ${p(o,({position:e})=>e,e=>F(e,t,r))}
    </ol>
    ${e.at(-1)?.older?v`<button type="button" class="older" ?disabled=${i} @click=${a}>Show older deliveries</button>`:v`<p class="quiet">These are all.</p>`}
  </section>`}function F(e,t,r){let{source:i,appointmentId:a,position:o,code:s,reason:f}=e,p=a&&`/appointment/${encodeURIComponent(i)}/${encodeURIComponent(a)}`;return v`<li class="panel delivery" data-position=${o} data-outcome=${e.outcome}>
    <p class="what">
      <span class="said">${d(e)}</span> ${m(e.outcome)}
      ${s?v`<code>${s}</code>`:n}
      <span class="to">${i} · delivery ${o}</span>
    </p>
    <p class="when">${b(e,r)} ${a?_(e):n}</p>
    ${f?v`<p class="reason">${c(f)}</p>`:n}
    ${p?u(e,e=>`${p}?at=${e}`).map(e=>v`<p class="remark">${e}</p>`):n}
    ${p?v`<p><a href="${p}?at=${o}">Appointment ${a} after it</a></p>`:v`<p class="quiet">It names no appointment.</p>`}
    ${l(e,t.isAdmin)}
  </li>`}var I=5e3,L=class extends s{static{this.properties={route:{attribute:!1}}}#e=null;#t=null;#n=null;#r=null;#i=[];#a=null;#o=!1;#s=new AbortController;disconnectedCallback(){super.disconnectedCallback(),this.#s.abort()}willUpdate(e){e.has(`route`)&&this.#u()}render(){return v`<div class="page rejections-page">
      <h1 tabindex="-1">Rejected and unreadable</h1>
      ${this.#e&&this.#n&&this.#t?this.#c(this.#e,this.#n,this.#t):n}
      ${this.#a?v`<p class="notice" role="alert">${this.#a}</p>`:n}
      ${this.#e||this.#a?n:v`<p class="quiet">Loading…</p>`}
    </div>`}#c(e,r,i){let a=t(e,i.source),o=this.#r,s=e.sources.map(({name:e})=>[e,e]);return v`<form class="asked" aria-label="What is shown" @submit=${e=>e.preventDefault()}>
        ${h(r,a)} ${x(`source`,`Source`,`all sources`,s,i.source)}
        ${x(`outcome`,`Outcome`,`all three`,E.map(e=>[e,S(e)]),i.outcome)}
        ${x(`code`,`Code`,`all codes`,D.map(e=>[e,e]),i.code)}
        <button type="button" @click=${()=>void this.#u()} ?disabled=${this.#o}>Load again</button>
      </form>
      <p class="meta" role="status">Times in ${a}.${this.#o?` Loading…`:n}</p>
      ${r.error?v`<p class="notice" role="alert">${r.error}</p>`:n}
      ${o?v`${o.advice.map(e=>T(e))} ${M(o,i,a,this.#l)}
            ${P(this.#i,e,a,this.#o,()=>void this.#d())}`:n}`}#l=e=>{let t=new URL(this.route.url);for(let[n,r]of Object.entries(e))t.searchParams.set(n,r);return t.pathname+t.search};async#u(){this.#s.abort(),this.#s=new AbortController;let{signal:e}=this.#s;await this.#f(e,async()=>{let n=this.#e??await i(),r=e=>this.route.url.searchParams.get(e),o=r(`source`),s=a.now(),c=y(this.route.url,t(n,o),s,`24h`),l=c.name===`own`?c.to:s+I,u={source:o,outcome:r(`outcome`),code:r(`code`),from:c.from,to:l};if([this.#e,this.#n,this.#t]=[n,c,u],c.error){[this.#r,this.#i]=[null,[]];return}this.requestUpdate();let[d,f]=await Promise.all([k(u,e),A(u,null,e)]);e.aborted||([this.#r,this.#i]=[d,[f]])})}async#d(){let[e,t,{signal:n}]=[this.#i.at(-1)?.older,this.#t,this.#s];!e||!t||this.#o||await this.#f(n,async()=>{let r=await A(t,e,n);n.aborted||(this.#i=[...this.#i,r])})}async#f(e,t){this.#o=!0,this.requestUpdate();try{await t(),e.aborted||(this.#a=null)}catch(t){if(e.aborted)return;this.#a=o(t),[this.#r,this.#i]=[null,[]]}e.aborted||(this.#o=!1,this.requestUpdate())}};customElements.define(`clockfold-rejections`,L);export{L as RejectionsPage};